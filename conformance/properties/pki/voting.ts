/**
 * Voting authorities joined in virtual time, and hosts that ask them things: nodes, clients, and authorities who cheat.
 */
import { PersistentMap } from "../../../core/collections/map.ts";
import type { Effect, Log } from "../../../core/effects.ts";
import { tell } from "../../../core/effects.ts";
import { type Context, invariant, type Machine, wall } from "../../../core/machine.ts";
import { defaultLinkLimits } from "../../../core/pki/authority_admission.ts";
import type { AuthorityConfig } from "../../../core/pki/authority_config.ts";
import type { AuthorityState } from "../../../core/pki/authority_state.ts";
import { authorityAddress, bootAuthority, createAuthoritySystem } from "../../../core/pki/authority_system.ts";
import { type DescriptorFields, signDescriptor } from "../../../core/pki/descriptor.ts";
import { createEpochClock, epochStart, katzenpostOriginMs } from "../../../core/pki/epoch.ts";
import { katzenpostGeometry } from "../../../core/sphinx/geometry.ts";
import { createSystem, type System } from "../../../core/system.ts";
import type { Command } from "../../../core/wire/commands.ts";
import { createSession, type SessionConfig, type SessionReport } from "../../../core/wire/session.ts";
import { createWorld, type World } from "../../sim/world.ts";
import { type Keys, keysOf, mixFields, parameters, providerFields, suite } from "./fixture.ts";

export const periodMs = 20 * 60_000;
export const clock = createEpochClock(periodMs, katzenpostOriginMs);
/** The epoch that runs begin in. */
export const firstEpoch = 2000;

const geometry = katzenpostGeometry;

/* Hosts that ask one thing a connection */

interface Ask {
  readonly type: "Ask";
  readonly id: number;
  readonly address: string;
  readonly additionalData: Uint8Array;
  readonly staticPrivate: Uint8Array;
  /** Null: connects and says nothing. */
  readonly command: Command | null;
}

interface Asking {
  readonly asks: PersistentMap<string, Ask>;
}

const done = (ask: Ask, answer: Command | null, reason: string): Effect => ({
  type: "Notify",
  event: { id: ask.id, answer, reason },
});

/** Each Ask becomes a session; the answer, or the reason why there was none, becomes a Notify. */
const asker: Machine<null, Asking, Ask | SessionReport, Effect> = {
  start: () => ({ state: { asks: PersistentMap() }, effects: [], wakeAt: null }),
  step: (_, state, event) => {
    const only = (next: Asking, ...effects: Effect[]) => ({ state: next, effects, wakeAt: null });
    if (event.type === "Tick") return only(state);
    if (event.type === "Ask") {
      const session = `ask/${event.id}`;
      const config: SessionConfig = {
        self: session,
        owner: "asker",
        role: { type: "initiator", addresses: [event.address] },
        staticPrivate: event.staticPrivate,
        additionalData: event.additionalData,
        deadlines: { dialMs: 5000, handshakeMs: 5000, idleMs: null, writeMs: 5000 },
        receives: ["Consensus", "PostDescriptorStatus", "VoteStatus", "RevealStatus"],
        commandLengthMax: 1_048_560,
        queueLength: 1,
      };
      return only({ asks: state.asks.set(session, event) }, { type: "Spawn", at: session, kind: "session", config });
    }
    const { session, report } = event;
    const ask = state.asks.get(session);
    invariant(ask !== undefined, "a session that was asked for");
    switch (report.type) {
      case "Authorize":
        return only(state, tell(session, { type: "Allowed" }));
      case "Up":
        return ask.command === null ? only(state) : only(state, tell(session, { type: "Send", command: ask.command }));
      case "Command":
        return only(
          { asks: state.asks.set(session, { ...ask, id: -1 }) },
          done(ask, report.command, "answered"),
          tell(session, { type: "Close", polite: false }),
        );
      case "Sealed":
      case "Sent":
        return only(state);
      case "Down":
        return only(
          { asks: state.asks.delete(session) },
          { type: "Stop", at: session },
          ...(ask.id === -1 ? [] : [done(ask, null, report.reason)]),
        );
    }
  },
};

/* A network of authorities */

export interface VotingOptions {
  readonly authorities: number;
  /** Those that are never started, by number. */
  readonly down?: ReadonlyArray<number>;
  /** Changes one authority's configuration. */
  readonly configure?: (config: AuthorityConfig, number: number) => AuthorityConfig;
  /** How far an authority's wall clock is ahead, in ms. */
  readonly skewMs?: (number: number) => number;
  /** ms from the beginning of the run to an authority's start. */
  readonly startMs?: (number: number) => number;
  readonly mixes?: number;
  /** ms into the first epoch at which the run begins. */
  readonly beginMs?: number;
  readonly seed?: number;
}

export interface Answer {
  readonly answer: Command | null;
  /** `answered`, or why the session ended. */
  readonly reason: string;
  readonly atMs: number;
}

export interface Voting {
  readonly world: World;
  readonly keys: ReadonlyArray<Keys>;
  readonly descriptors: (epoch: number) => ReadonlyArray<DescriptorFields>;
  /** All log lines of an authority, oldest first. */
  readonly logs: (number: number) => ReadonlyArray<Log>;
  readonly state: (number: number) => AuthorityState;
  /** ms of the run at a part of an epoch. */
  readonly instant: (epoch: number, part: number) => number;
  /** Runs until a part of an epoch. */
  readonly runTo: (epoch: number, part: number) => void;
  /** Asks an authority now, and runs until the answer. */
  readonly ask: (
    number: number,
    as: Pick<Keys, "identityKey" | "linkPrivate"> | null,
    command: Command | null,
  ) => Answer;
  readonly postAll: (epoch: number) => void;
}

export const nodeCredentials = (name: string): Pick<Keys, "identityKey" | "linkPrivate"> => {
  const { identityKey, identityPrivate } = keysOf(name);
  return { identityKey, linkPrivate: suite.ed25519PrivateToX25519(identityPrivate) };
};

const addressOf = (number: number): string => `10.0.0.${number + 1}:62472`;

// Field by field: a seed that is derived when it is drawn from is no property of its own, and would be lost.
const ahead = ({ now, wall: at, seed }: Context, ms: number): Context => ({ now, wall: wall(at + ms), seed });

const skewed = (system: System, ms: number): System => ({
  start: (context, machines) => system.start(ahead(context, ms), machines),
  step: (context, state, input) => system.step(ahead(context, ms), state, input),
});

const noUnwrap = (): never => {
  throw new Error("nothing is unwrapped here");
};

export const createVoting = (options: VotingOptions): Voting => {
  const { authorities, down = [], mixes = 4, beginMs = 1000 } = options;
  const numbers = Array.from({ length: authorities }, (_, i) => i);
  const keys = numbers.map((number) => keysOf(`authority${number}`));
  const beginning = epochStart(clock, firstEpoch) + beginMs;
  const world = createWorld({
    seed: suite.sha256(Uint8Array.of(options.seed ?? 0)),
    originMs: beginning,
    latency: { minMs: 5, maxMs: 40, jitterMs: 5 },
  });
  const mixNames = Array.from({ length: mixes }, (_, i) => `mix${i}`);
  const lines = new Map<string, Log[]>();
  const answers = new Map<number, Answer>();
  world.observe({
    emission: (at, host, { effect }) => {
      if (effect.type === "Log") lines.set(host, [...(lines.get(host) ?? []), effect]);
      if (effect.type !== "Notify") return;
      const { id, answer, reason } = effect.event as {
        readonly id: number;
        readonly answer: Command | null;
        readonly reason: string;
      };
      answers.set(id, { answer, reason, atMs: at });
    },
  });
  const configOf = (number: number): AuthorityConfig => ({
    identityPrivate: keys[number]!.identityPrivate,
    linkPrivate: keys[number]!.linkPrivate,
    identifier: `authority${number}`,
    peers: numbers.filter((other) => other !== number).map((other) => ({
      identityKey: keys[other]!.identityKey,
      linkKey: keys[other]!.linkKey,
      addresses: [addressOf(other)],
    })),
    mixes: mixNames.map((name) => keysOf(name).identityKey),
    providers: [{ name: "provider", identityKey: keysOf("provider").identityKey }],
    parameters,
    layers: 2,
    minNodesPerLayer: 1,
    clock,
    certificateExpiration: "epoch",
    limits: defaultLinkLimits,
  });
  const bare = { unwrap: noUnwrap, unwrapMsMax: 1, storeMsMax: 1 };
  for (const number of numbers.filter((some) => !down.includes(some))) {
    const config = configOf(number);
    const host = world.add({
      name: `authority${number}`,
      system: skewed(createAuthoritySystem({ suite, geometry }), options.skewMs?.(number) ?? 0),
      machines: bootAuthority(options.configure?.(config, number) ?? config),
      listens: [addressOf(number)],
      acceptor: authorityAddress,
      ...bare,
    });
    world.at(options.startMs?.(number) ?? 0, host.start);
  }
  const asking = world.add({
    name: "asker",
    system: createSystem({ asker, session: createSession({ suite, geometry }) }),
    machines: [{ type: "Spawn", at: "asker", kind: "asker", config: null }],
    listens: [],
    acceptor: null,
    ...bare,
  });
  world.at(0, asking.start);
  world.runUntil(0);

  let asked = 0;
  const send = (
    number: number,
    as: Pick<Keys, "identityKey" | "linkPrivate"> | null,
    command: Command | null,
  ): number => {
    const id = asked++;
    const credentials = as ?? { identityKey: new Uint8Array(0), linkPrivate: suite.sha256(Uint8Array.of(id & 255)) };
    const ask: Ask = {
      type: "Ask",
      id,
      address: addressOf(number),
      additionalData: credentials.identityKey,
      staticPrivate: credentials.linkPrivate,
      command,
    };
    asking.tell("asker", ask);
    return id;
  };
  const instant = (epoch: number, part: number): number =>
    epochStart(clock, epoch) + Math.round(part * periodMs) - beginning;
  const descriptors = (
    epoch: number,
  ): ReadonlyArray<DescriptorFields> => [
    ...mixNames.map((name) => mixFields(name, epoch)),
    providerFields("provider", epoch),
  ];
  const postAll = (epoch: number): void => {
    for (const fields of descriptors(epoch)) {
      const expiration = Math.ceil(epochStart(clock, epoch + 3) / 1000);
      const payload = signDescriptor(suite, keysOf(fields.name).identityPrivate, fields, expiration);
      for (const number of numbers) {
        send(number, nodeCredentials(fields.name), { type: "PostDescriptor", epoch, payload });
      }
    }
  };
  return {
    world,
    keys,
    descriptors,
    logs: (number) => lines.get(`authority${number}`) ?? [],
    state: (number) =>
      world.host(`authority${number}`).state()!.machines.get(authorityAddress)!.state as AuthorityState,
    instant,
    runTo: (epoch, part) => world.runUntil(instant(epoch, part)),
    ask: (number, as, command) => {
      const id = send(number, as, command);
      for (let waited = 0; waited < 60_000 && !answers.has(id); waited += 10) world.runUntil(world.now() + 10);
      const answer = answers.get(id);
      invariant(answer !== undefined, "an answer, or the end of the session");
      return answer;
    },
    postAll,
  };
};

/** Posts for and holds rounds, from the round for `from` to the round for `to`. */
export const holdRounds = (voting: Voting, from: number, to: number): void => {
  for (let epoch = from; epoch <= to; epoch++) {
    voting.runTo(epoch - 1, 0.1);
    voting.postAll(epoch);
    voting.runTo(epoch - 1, 0.95);
  }
};

/** The log lines of a reason. */
export const saying = (voting: Voting, number: number, reason: string): ReadonlyArray<Log> =>
  voting.logs(number).filter((line) => line.reason === reason);
