/**
 * What an observer of a client's link sees does not depend on its user: packets leave at the sum of the document's
 * rates, at intervals of the exponential distribution (drafts/decoy_traffic.rst §5). Faults interrupt the sequence;
 * it goes on once they have passed.
 *
 * An honest seed raises a false alarm about a client with a probability of less than 10^-6.
 *
 * @module
 */
import { exponentialCdf, ksBound, ksDistance } from "../statistics.ts";
import { type CreateOracle, isCalm } from "./oracle.ts";

const alpha = 1e-6;

export const instants: CreateOracle = (view, report) => {
  const { network, parameters } = view;
  const clients = new Set(network.clients.map(({ name }) => name));
  const last = new Map<string, number>();
  const intervals = new Map<string, number[]>();
  const rate = parameters.lambdaP + parameters.lambdaL + parameters.lambdaD;

  const onPacket = (client: string, at: number): void => {
    const before = last.get(client);
    last.set(client, at);
    const sample = intervals.get(client) ?? [];
    intervals.set(client, sample);
    // A sample counts whole ms, rounded down three times over: half of one stands for it.
    if (before !== undefined) sample.push(at - before + 0.5);
  };

  const distance = (sample: ReadonlyArray<number>): number => ksDistance(sample, exponentialCdf(rate));

  return {
    name: "instants",
    observer: {
      crashed: (_at, host) => void last.delete(host),
      effects: ["Hangup", "WritePacket"],
      emission: (at, host, { effect }) => {
        if (!clients.has(host)) return;
        if (!isCalm(view) || effect.type === "Hangup") last.delete(host);
        else if (effect.type === "WritePacket") onPacket(host, at);
      },
    },
    finish: () => {
      for (const [client, sample] of intervals) {
        if (sample.length > 0 && distance(sample) > ksBound(sample.length, alpha)) {
          const mean = Math.round(sample.reduce((sum, ms) => sum + ms, 0) / sample.length);
          report(
            "safety",
            `${client} sends packets at intervals of ${mean} ms on average, whose distance from the exponential ` +
              `distribution of ${Math.round(1 / rate)} ms is ${distance(sample).toFixed(3)} in ${sample.length}`,
          );
        }
      }
    },
    summary: () => {
      const samples = [...intervals].map(([client, sample]) =>
        `${client} ${distance(sample).toFixed(3)} in ${sample.length}`
      );
      return `distances from the exponential distribution: ${samples.join(", ")}`;
    },
  };
};
