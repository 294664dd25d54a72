/**
 * Replicas of one spool in virtual time, over links that lose, delay and repeat, with partitions and crashes: what a
 * store
 * had not answered when its replica crashed may or may not have happened.
 */
import { toHex } from "../../../core/bytes.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import type { Effect, StoreEvent } from "../../../core/effects.ts";
import { type Context, mono, type Step, wall } from "../../../core/machine.ts";
import { createEpochClock } from "../../../core/pki/epoch.ts";
import { deriveSeed } from "../../../core/random.ts";
import { creation } from "../../../core/spool/durable.ts";
import { createReplica } from "../../../core/spool/replica.ts";
import type { ReplicaState } from "../../../core/spool/replica_state.ts";
import type {
  PeerSend,
  ReplicaEnded,
  ReplicaEvent,
  ReplicaHolds,
  ReplicaReply,
  ReplicaRestored,
  ReplicaRetired,
} from "../../../core/spool/replica_types.ts";
import { decodeReply, encodeRequest, type Reply, type Request } from "../../../core/spool/replica_wire.ts";
import type { Write } from "../../../core/spool/write.ts";
import { createAgenda } from "../../sim/agenda.ts";
import { createPrng } from "../../sim/prng.ts";
import { createStore, type Store, type StoreEffect } from "../../sim/store.ts";
import { createAuthor, privateKey, publicOf } from "./keys.ts";

export const epochMs = 60_000;
const startEpoch = 100;

export interface ReplicaHost {
  readonly key: Uint8Array;
  store: Store;
  state: ReplicaState | null;
  /** Counts lives: what a former one asked for comes to nothing. */
  life: number;
  wakeAt: number | null;
  storeFreeAt: number;
  readonly clients: Map<number, (bytes: Uint8Array) => void>;
  /** How often it asked for its end, and why. */
  readonly ended: ReplicaEnded[];
}

type Told = PeerSend | ReplicaReply | ReplicaRestored | ReplicaHolds | ReplicaEnded | ReplicaRetired;

const room = Infinity;

/** What a lying host makes of a message before it leaves: the messages that leave instead. */
export type Lie = (
  message: { readonly type: "reply" | "request"; readonly bytes: Uint8Array },
) => ReadonlyArray<Uint8Array>;

/** `twin`: one more host has the key of the first, and only the last but one knows it under that name. */
export const createReplicaWorld = (suite: Suite, seedText: string, replicas: number, twin = false) => {
  const seed = deriveSeed(new Uint8Array(32), seedText);
  const prng = createPrng(seed, "world");
  const agenda = createAgenda();
  const machine = createReplica(suite);
  const rootKey = privateKey(suite, "root");
  const spool = publicOf(rootKey);
  const writerKeys = ["alice", "bob"].map((name) => privateKey(suite, name));
  const readerKey = privateKey(suite, "carol");
  const writers = writerKeys.map((key) => createAuthor(suite, key, spool));
  const root = createAuthor(suite, rootKey, spool);
  const canonical = createAuthor(suite, readerKey, spool);
  const otherKey = privateKey(suite, "dave");
  const otherCanonical = createAuthor(suite, otherKey, spool);
  const blocked = new Set<string>();
  const lies = new Map<ReplicaHost, Lie>();
  const lifetimes = { lifetimeEpochs: 1000, messageLifetimeEpochs: 1000 };
  const counts = new Map<string, number>();
  let [steps, requests, faulty] = [0, 1, true];

  const hosts: ReplicaHost[] = Array.from({ length: replicas + (twin ? 1 : 0) }, (_, at) => ({
    key: privateKey(suite, `replica ${at % replicas}`),
    store: createStore(),
    state: null,
    life: 0,
    wakeAt: null,
    storeFreeAt: 0,
    clients: new Map(),
    ended: [],
  }));

  const context = (): Context => ({
    now: mono(agenda.now()),
    wall: wall(startEpoch * epochMs + agenda.now()),
    seed: deriveSeed(seed, `step ${steps++}`),
  });

  const settle = (host: ReplicaHost, step: Step<ReplicaState, Effect>): void => {
    host.state = step.state;
    for (const effect of step.effects) perform(host, effect);
    const { wakeAt } = step;
    host.wakeAt = wakeAt;
    if (wakeAt === null) return;
    agenda.at(Math.max(wakeAt, agenda.now() + 1), () => {
      if (host.wakeAt === wakeAt && host.state !== null) {
        settle(host, machine.step(context(), host.state, { type: "Tick" }));
      }
    });
  };

  const tell = (host: ReplicaHost, life: number, event: ReplicaEvent): void => {
    if (host.state !== null && host.life === life) settle(host, machine.step(context(), host.state, event));
  };

  const perform = (host: ReplicaHost, effect: Effect): void => {
    switch (effect.type) {
      case "Commit":
      case "Scan":
        return useStore(host, effect);
      case "Notify":
        return notify(host, effect.event as Told);
      case "Count": {
        const name = `${effect.name} ${effect.label ?? ""}`;
        return void counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      default:
        return;
    }
  };

  const useStore = (host: ReplicaHost, effect: StoreEffect): void => {
    const { life } = host;
    host.storeFreeAt = Math.max(host.storeFreeAt, agenda.now()) + 1 + prng.below(8);
    agenda.at(host.storeFreeAt, () => {
      if (host.life !== life && prng.once(2)) return;
      const isFull = faulty && effect.type === "Commit" && prng.once(40);
      const answer: StoreEvent = isFull
        ? { type: "CommitFailed", id: effect.id, reason: "full" }
        : host.store.perform(effect);
      tell(host, life, answer);
    });
  };

  const latency = (): number => 5 + prng.below(faulty ? 200 : 20);
  const isCut = (a: ReplicaHost, b: ReplicaHost): boolean => blocked.has(`${hosts.indexOf(a)} ${hosts.indexOf(b)}`);

  const notify = (host: ReplicaHost, event: Told): void => {
    if (event.type === "ReplicaEnded") return void host.ended.push(event);
    if (event.type === "ReplicaRetired") return void (host.state = null);
    if (event.type === "ReplicaRestored" || event.type === "ReplicaHolds") return;
    if (event.type === "ReplicaReply") {
      const answer = host.clients.get(event.id);
      host.clients.delete(event.id);
      const [bytes] = lies.get(host)?.({ type: "reply", bytes: event.bytes }) ?? [event.bytes];
      if (bytes !== undefined) answer?.(bytes);
      return;
    }
    for (const bytes of lies.get(host)?.({ type: "request", bytes: event.bytes }) ?? [event.bytes]) {
      carry(host, { ...event, bytes });
    }
  };

  const targetOf = (host: ReplicaHost, name: string): ReplicaHost | undefined => {
    const found = hosts.filter(({ key }) => toHex(publicOf(key)) === name);
    return host === hosts[replicas - 1] ? found.at(-1) : found[0];
  };

  const carry = (host: ReplicaHost, event: PeerSend): void => {
    const target = targetOf(host, toHex(event.to.key));
    if (target === undefined || isCut(host, target) || (faulty && prng.once(10))) return;
    const { life } = host;
    for (let copies = faulty && prng.once(10) ? 2 : 1; copies > 0; copies--) {
      agenda.at(agenda.now() + latency(), () => {
        request(target, event.bytes, (bytes) => {
          if (isCut(target, host) || (faulty && prng.once(10))) return;
          agenda.at(
            agenda.now() + latency(),
            () => tell(host, life, { type: "PeerReplied", id: event.id, bytes, room }),
          );
        });
      });
    }
  };

  /** Gives a running replica a request; `answer` has the reply's bytes, unless the replica crashes before. */
  const request = (host: ReplicaHost, bytes: Uint8Array, answer: (bytes: Uint8Array) => void): void => {
    if (host.state === null) return;
    const id = requests++;
    host.clients.set(id, answer);
    tell(host, host.life, { type: "ReplicaRequest", id, bytes, room });
  };

  const config = (host: ReplicaHost) => ({
    spool,
    privateKey: host.key,
    clock: createEpochClock(epochMs, 0),
    capacity: 8192,
    bytesMax: 10_000_000,
    ...lifetimes,
    pullMeanMs: 4000,
    retryMs: 500,
    deadlineMs: 1500,
  });

  const start = (host: ReplicaHost): void => {
    host.life++;
    settle(host, machine.start(context(), config(host), undefined));
  };
  const crash = (host: ReplicaHost): void => {
    host.state = null;
    host.life++;
    host.wakeAt = null;
    host.clients.clear();
  };

  return {
    suite,
    agenda,
    prng,
    hosts,
    spool,
    root,
    writers,
    writerKeys,
    readerKey,
    canonical,
    otherCanonical,
    blocked,
    lies,
    lifetimes,
    counts,
    start,
    crash,
    request,
    retire: (host: ReplicaHost): void => tell(host, host.life, { type: "ReplicaRetire" }),
    heal: () => {
      faulty = false;
      blocked.clear();
    },
    creation: (): ReadonlyArray<Write> =>
      creation(
        hosts.slice(0, replicas).map(({ key }, at) => ({ key: publicOf(key), addresses: [`+spool@provider${at}`] })),
        {
          dataWriters: writerKeys.map(publicOf),
          dataReaders: [publicOf(readerKey)],
          canonicalReaders: [publicOf(readerKey), publicOf(otherKey)],
          dataEncryption: [],
        },
      ).map((operation) => root.operation(operation)),
    ask: (host: ReplicaHost, one: Request, answer: (reply: Reply | null) => void): void =>
      request(host, encodeRequest(one), (bytes) => answer(decodeReply(bytes))),
  };
};

export type ReplicaWorld = ReturnType<typeof createReplicaWorld>;
