/**
 * Sessions for the properties of links: one end with its driver, and two of them back to back on a clock that the test
 * sets.
 *
 * Every step is watched: the state it was given is frozen, consumed secrets are gone from the new state and are wiped
 * at once, and a tick before the deadline changes nothing.
 */
import assert from "node:assert/strict";
import { concat, wipe } from "../../../core/bytes.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import type { Effect } from "../../../core/effects.ts";
import { type Context, mono, type Step, type Tick, tick, wall } from "../../../core/machine.ts";
import { deriveSeed } from "../../../core/random.ts";
import { createGeometry } from "../../../core/sphinx/geometry.ts";
import {
  createSession,
  type SessionConfig,
  type SessionEvent,
  type SessionReport,
} from "../../../core/wire/session.ts";
import type { SessionState } from "../../../core/wire/session_state.ts";
import { toySuite } from "../../sim/toy_suite.ts";
import { buffersIn, deepFreeze } from "../noise/fixture.ts";

export const smallGeometry = createGeometry(5, 600);

export type Report = SessionReport["report"];

/** The one clock of a test, in ms. */
export interface Clock {
  now: number;
}

export interface End {
  readonly config: SessionConfig;
  readonly tell: (event: SessionEvent | Tick) => void;
  /** Moves the clock to the next deadline and ticks. */
  readonly wake: () => void;
  readonly state: () => SessionState;
  readonly wakeAt: () => number | null;
  /** What was written and not yet taken by `takeWrites`. */
  readonly takeWrites: () => Uint8Array[];
  readonly reports: Report[];
  readonly effects: Effect[];
  readonly consumed: Uint8Array[];
  /** Whether the kernel takes writes at once. */
  flushes: boolean;
}

export const deadlines = { dialMs: 1_000, handshakeMs: 2_000, idleMs: 30_000, writeMs: 4_000 };

export const configOf = (role: "initiator" | "responder", change: Partial<SessionConfig> = {}): SessionConfig => ({
  self: `session/${role}`,
  owner: "owner",
  role: role === "initiator" ? { type: role, addresses: ["peer:1"] } : { type: role, remote: "peer:2" },
  staticPrivate: new Uint8Array(32).fill(role === "initiator" ? 0x31 : 0x32),
  additionalData: new Uint8Array(role === "initiator" ? 5 : 32).fill(7),
  deadlines,
  receives: ["SendPacket", "Consensus", "GetConsensus", "MessageEmpty", "RetrieveMessage"],
  commandLengthMax: 1000,
  queueLength: 3,
  ...change,
});

/** A session from its start, or from a given state. */
export const startEnd = (clock: Clock, config: SessionConfig, suite: Suite = toySuite, from?: SessionState): End => {
  const machine = createSession({ suite, geometry: smallGeometry });
  const [reports, effects, consumed, writes]: [Report[], Effect[], Uint8Array[], Uint8Array[]] = [[], [], [], []];
  let steps = 0;
  const contextNow = (): Context => ({
    now: mono(clock.now),
    wall: wall(1_500_000_000_000 + clock.now),
    seed: deriveSeed(new Uint8Array(32), `${config.self}#${steps++}`),
  });
  const settle = (next: Step<SessionState, Effect>): void => {
    step = next;
    const held = buffersIn([next.state.phase, next.state.inbox]);
    for (const secret of next.consumed ?? []) {
      assert.equal(held.has(secret), false, "a consumed secret is in the new state");
      consumed.push(secret.slice());
      wipe(secret);
    }
    const flushing: number[] = [];
    for (const effect of next.effects) {
      effects.push(effect);
      if (effect.type === "Write") flushing.push(writes[writes.push(concat(...effect.pieces)) - 1]!.length);
      if (effect.type === "Tell") reports.push((effect.event as SessionReport).report);
    }
    if (end.flushes) { for (const length of flushing) tell({ type: "Flushed", length }); }
  };
  const tell = (event: SessionEvent | Tick): void => {
    const before = step.state;
    deepFreeze(before);
    const context = contextNow();
    const next = machine.step(context, before, event);
    const idle = next.wakeAt === null || next.wakeAt > clock.now ? machine.step(context, next.state, tick) : null;
    if (idle !== null) {
      assert.deepEqual(idle.effects, [], "a spurious tick has effects");
      assert.deepEqual(idle.state, next.state, "a spurious tick changes the state");
      assert.equal(idle.wakeAt, next.wakeAt);
    }
    settle(next);
  };
  const end: End = {
    config,
    tell,
    wake: () => {
      assert.ok(step.wakeAt !== null, "no deadline");
      clock.now = Math.max(clock.now, step.wakeAt);
      tell(tick);
    },
    state: () => step.state,
    wakeAt: () => step.wakeAt,
    takeWrites: () => writes.splice(0),
    reports,
    effects,
    consumed,
    flushes: true,
  };
  let step: Step<SessionState, Effect>;
  if (from === undefined) settle(machine.start(contextNow(), config, undefined));
  else step = { state: from, effects: [], wakeAt: null };
  return end;
};

/** How the network cuts what was written. */
export type Cut = (bytes: Uint8Array) => ReadonlyArray<Uint8Array>;

export const whole: Cut = (bytes) => [bytes.slice()];

export const oneByteEach: Cut = (bytes) => Array.from(bytes, (byte) => Uint8Array.of(byte));

/** Carries writes to and fro, and answers what the sessions ask of their owners, until both are quiet. */
export const carry = (a: End, b: End, cut: Cut = whole): void => {
  let answered = [0, 0];
  for (let quiet = false; !quiet;) {
    quiet = true;
    for (const [end, peer, side] of [[a, b, 0], [b, a, 1]] as const) {
      const asked = end.reports.filter(({ type }) => type === "Authorize").length;
      if (asked > answered[side]! && isChecking(end)) {
        answered[side] = asked;
        quiet = false;
        end.tell({ type: "Allowed" });
      }
      for (const bytes of end.takeWrites()) {
        quiet = false;
        for (const chunk of cut(bytes)) peer.tell({ type: "Received", bytes: chunk });
      }
    }
  }
};

const isChecking = (end: End): boolean => end.state().phase.type.startsWith("checking");

export interface Pair {
  readonly clock: Clock;
  readonly initiator: End;
  readonly responder: End;
}

interface PairOptions {
  readonly initiator?: Partial<SessionConfig>;
  readonly responder?: Partial<SessionConfig>;
  readonly suites?: readonly [Suite, Suite];
}

/** Two ends, connected and without a word yet. */
export const connectedPair = ({ initiator, responder, suites }: PairOptions = {}): Pair => {
  const clock = { now: 0 };
  const a = startEnd(clock, configOf("initiator", initiator), suites?.[0]);
  const b = startEnd(clock, configOf("responder", responder), suites?.[1]);
  a.tell({ type: "Connected", remote: "peer:1" });
  return { clock, initiator: a, responder: b };
};

/** Two ends that are up. */
export const upPair = (options: PairOptions = {}): Pair => {
  const pair = connectedPair(options);
  carry(pair.initiator, pair.responder);
  assert.equal(pair.initiator.state().phase.type, "up");
  assert.equal(pair.responder.state().phase.type, "up");
  return pair;
};

/** Why a session went down; null while it has not. It says so once, and last. */
export const downOf = ({ reports }: End): string | null => {
  const downs = reports.filter((report) => report.type === "Down");
  assert.ok(downs.length <= 1);
  return downs[0]?.type === "Down" ? downs[0].reason : null;
};

export const commandsOf = ({ reports }: End) =>
  reports.flatMap((report) => (report.type === "Command" ? [report.command] : []));

export const sentOf = ({ reports }: End) =>
  reports.flatMap((report) => (report.type === "Sent" ? [[report.id, report.dropped] as const] : []));
