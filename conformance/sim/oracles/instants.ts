/**
 * What an observer of a client's link sees does not depend on its user: packets leave at the sum of the document's
 * rates, at intervals of the exponential distribution (drafts/decoy_traffic.rst §5). Faults interrupt the sequence;
 * it goes on once they have passed.
 *
 * An honest seed raises a false alarm about a client with a probability of less than 10^-6.
 *
 * @module
 */
import { lengthOf } from "../../../core/bytes.ts";
import { frameLengthOf } from "../frames.ts";
import { exponentialCdf, ksBound, ksDistance } from "../statistics.ts";
import { type CreateOracle, isCalm } from "./oracle.ts";

const alpha = 1e-6;
/** Clients that a summary names. */
const namedMax = 5;

export const instants: CreateOracle = (view, report) => {
  const { network, parameters, geometry } = view;
  const clients = new Set(network.clients.map(({ name }) => name));
  const last = new Map<string, number>();
  const intervals = new Map<string, number[]>();
  const rate = parameters.lambdaP + parameters.lambdaL + parameters.lambdaD;
  const packetFrame = frameLengthOf(geometry);

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
      effects: ["Hangup", "Write"],
      emission: (at, host, { effect }) => {
        if (!clients.has(host)) return;
        if (!isCalm(view) || effect.type === "Hangup") last.delete(host);
        else if (effect.type === "Write" && lengthOf(effect.pieces) === packetFrame) onPacket(host, at);
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
      const samples = [...intervals].map(([client, sample]) => {
        const { length } = sample;
        return { client, length, of: length === 0 ? 0 : distance(sample) };
      });
      const farthest = samples.toSorted((a, b) => b.of * Math.sqrt(b.length) - a.of * Math.sqrt(a.length));
      const named = farthest.slice(0, namedMax).map(({ client, length, of }) =>
        `${client} ${of.toFixed(3)} in ${length}`
      );
      return `distances of ${samples.length} clients from the exponential distribution, the largest: ${
        named.join(", ")
      }`;
    },
  };
};
