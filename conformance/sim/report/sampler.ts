/**
 * Watches a run for its report. What it looks at changes nothing: equal seeds print equal trace hashes with it and
 * without.
 *
 * @module
 */
import { toHex } from "../../../core/bytes.ts";
import type { ClientState } from "../../../core/client/state.ts";
import { clientAddress } from "../../../core/client/system.ts";
import type { Unwrapped } from "../../../core/effects.ts";
import { queueSize } from "../../../core/mix/delay_queue.ts";
import type { NodeState } from "../../../core/mix/state.ts";
import { nodeAddress } from "../../../core/mix/system.ts";
import { E } from "../../../core/fp.ts";
import { decodeCertificate } from "../../../core/pki/cert.ts";
import type { AuthorityState } from "../../../core/pki/authority_state.ts";
import { authorityAddress } from "../../../core/pki/authority_system.ts";
import type { Emission, Input } from "../../../core/system.ts";
import type { Observer } from "../watch.ts";
import type { Network } from "../network.ts";
import { firstEpoch, type SimulationOptions, type SimulationResult } from "../simulation.ts";
import type { World } from "../world.ts";
import type { Hop, Place, Recording, Round } from "./recording.ts";
import { createTimeline } from "./timeline.ts";

export interface Sampler {
  readonly observer: Observer;
  /** To be called before the run begins. */
  readonly plan: (world: World, network: Network) => void;
  readonly recording: (result: SimulationResult, configuration: Recording["configuration"]) => Recording;
}

/** Often enough to see each phase of a round, an eighth of an epoch, several times. */
const samplesPerEpoch = 64;

const fates: Readonly<Record<string, string>> = {
  "packets-received": "received",
  "packets-created": "created by nodes",
  "packets-forwarded": "forwarded",
  "packets-delivered": "delivered",
};

/** What is known of one epoch's voting. */
interface Voting {
  /** `vote authority-1`, with the authorities at which it was seen. */
  readonly seen: Map<string, Set<string>>;
  readonly published: Set<string>;
  readonly failures: Map<string, string>;
  signatures: number;
}

export const createSampler = (options: SimulationOptions): Sampler => {
  const timeline = createTimeline();
  const drops = createTimeline();
  const byHost = new Map<string, Map<string, number>>();
  const hops = new Map<string, number>();
  const names = new Map<string, string>();
  const layers = new Map<string, number>();
  const rounds = new Map<number, Voting>();
  let watched: { readonly world: World; readonly network: Network } | null = null;

  const tally = (host: string, fate: string, by: number): void => {
    const counts = byHost.get(host);
    counts?.set(fate, (counts.get(fate) ?? 0) + by);
  };

  const onEmission = (at: number, host: string, { effect }: Emission): void => {
    if (effect.type === "Drop") {
      drops.count(effect.reason, at);
      tally(host, "dropped", 1);
    }
    const fate = effect.type === "Count" ? fates[effect.name] : undefined;
    if (effect.type !== "Count" || fate === undefined) return;
    timeline.count(fate, at, effect.by);
    tally(host, fate, effect.by ?? 1);
  };

  const onInput = (host: string, input: Input | null): void => {
    const event = input?.event as Unwrapped | undefined;
    if (event?.type !== "Unwrapped" || !event.result.ok) return;
    for (const command of event.result.commands) {
      if (command.type !== "NextNodeHop") continue;
      const key = `${host} ${toHex(command.id)}`;
      hops.set(key, (hops.get(key) ?? 0) + 1);
    }
  };

  const stateOf = <S>(world: World, host: string, address: string): S | undefined =>
    world.host(host).state()?.machines.get(address)?.state as S | undefined;

  const sampleNode = (at: number, name: string, { identity, queue, documents }: NodeState): void => {
    names.set(identity.id, name);
    timeline.raise(name, at, queueSize(queue));
    const latest = documents.known.get(Math.max(...documents.known.keys()))?.document;
    latest?.topology.forEach((layer, index) => {
      for (const { identityKey } of layer) layers.set(toHex(identityKey), index);
    });
  };

  const votingOf = (epoch: number): Voting => {
    const voting = rounds.get(epoch) ??
      { seen: new Map(), published: new Set(), failures: new Map(), signatures: 0 };
    rounds.set(epoch, voting);
    return voting;
  };

  const sampleAuthority = (name: string, { round, documents, config }: AuthorityState): void => {
    for (const [epoch, { raw }] of documents) {
      const voting = votingOf(epoch);
      if (voting.published.has(name)) continue;
      voting.published.add(name);
      const certificate = decodeCertificate(raw);
      if (E.isRight(certificate)) voting.signatures = certificate.right.signatures.length;
    }
    if (round.type === "waiting") return;
    names.set(toHex(config.identityPrivate.subarray(32)), name);
    const voting = votingOf(round.votingEpoch);
    const { votes, reveals, signatures } = round.ballots;
    for (const [what, ballots] of [["vote", votes], ["reveal", reveals], ["signature", signatures]] as const) {
      for (const id of ballots.keys()) {
        const key = `${what} ${id}`;
        voting.seen.set(key, (voting.seen.get(key) ?? new Set()).add(name));
      }
    }
    if (round.type === "signatures" && round.failure !== null) voting.failures.set(name, round.failure);
  };

  const sample = (world: World, network: Network): void => {
    const at = world.now();
    for (const name of network.nodes) {
      const state = stateOf<NodeState>(world, name, nodeAddress);
      if (state !== undefined) sampleNode(at, name, state);
    }
    for (const name of network.authorities) {
      const state = stateOf<AuthorityState>(world, name, authorityAddress);
      if (state !== undefined) sampleAuthority(name, state);
    }
    const egress = network.clients.reduce(
      (sum, { name }) => sum + (stateOf<ClientState>(world, name, clientAddress)?.egress.size ?? 0),
      0,
    );
    timeline.raise("all clients' egress queues", at, egress);
  };

  /** Samples, and plans the next time. */
  const keepSampling = (world: World, network: Network): void => {
    sample(world, network);
    world.at(world.now() + options.periodMs / samplesPerEpoch, () => keepSampling(world, network));
  };

  const placesOf = ({ authorities, nodes, providers, clients }: Network): Place[] => {
    const idOf = new Map([...names].map(([id, name]) => [name, id]));
    return [...authorities, ...nodes].map((name) => {
      const kind = authorities.includes(name) ? "authority" : providers.includes(name) ? "provider" : "mix";
      const of = (fate: string): number => byHost.get(name)?.get(fate) ?? 0;
      return {
        name,
        kind,
        layer: layers.get(idOf.get(name) ?? "") ?? null,
        clients: clients.filter(({ provider }) => provider === name).length,
        forwarded: of("forwarded"),
        delivered: of("delivered"),
        dropped: of("dropped"),
      };
    });
  };

  const hopList = (): Hop[] =>
    [...hops].flatMap(([key, packets]) => {
      const [from, id] = key.split(" ") as [string, string];
      const to = names.get(id);
      return to === undefined ? [] : [{ from, to, packets }];
    });

  const roundList = ({ authorities }: Network): Round[] => {
    const idOf = new Map([...names].map(([id, name]) => [name, id]));
    // Of later epochs nobody could have voted yet.
    const lastEpoch = firstEpoch + Math.ceil(watched!.world.now() / options.periodMs);
    const begun = [...rounds].filter(([epoch]) => epoch <= lastEpoch).sort(([a], [b]) => a - b);
    return begun.map(([epoch, { seen, published, failures, signatures }]) => ({
      epoch,
      ballots: authorities.map((authority) => {
        const at = (what: string): number => seen.get(`${what} ${idOf.get(authority) ?? ""}`)?.size ?? 0;
        return { authority, voted: at("vote"), revealed: at("reveal"), signed: at("signature") };
      }),
      published: published.size,
      signatures,
      failures: [...failures].map(([name, failure]) => `${name}: ${failure}`),
    }));
  };

  return {
    observer: {
      input: (_at, host, input) => onInput(host, input),
      emission: onEmission,
    },
    plan: (world, network) => {
      watched = { world, network };
      for (const name of network.nodes) byHost.set(name, new Map());
      keepSampling(world, network);
    },
    recording: (result, configuration) => {
      const { world, network } = watched!;
      const untilMs = world.now();
      timeline.reach(untilMs);
      drops.reach(untilMs);
      return {
        seed: options.seed,
        configuration,
        untilMs,
        periodMs: options.periodMs,
        firstEpoch,
        bucketMs: timeline.bucketMs(),
        places: placesOf(network),
        hops: hopList(),
        clients: network.clients.length,
        packets: timeline.counts(untilMs),
        queues: timeline.maxima(untilMs),
        drops: drops.counts(untilMs),
        rounds: roundList(network),
        faults: result.faults,
        violations: result.violations,
        crash: result.crash?.message ?? null,
        summaries: result.summaries,
        traceHash: result.traceHash,
        traceLength: result.traceLength,
      };
    },
  };
};
