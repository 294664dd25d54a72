/**
 * One authority machine, led by hand: what it is told and when, and what it wants done.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Commit, Effect, Scan, StoreFailure } from "../../../core/effects.ts";
import { type Context, mono, tick, wall } from "../../../core/machine.ts";
import { defaultLinkLimits } from "../../../core/pki/authority_admission.ts";
import { type AuthorityEvent, createAuthority } from "../../../core/pki/authority.ts";
import type { AuthorityConfig } from "../../../core/pki/authority_config.ts";
import type { AuthorityState } from "../../../core/pki/authority_state.ts";
import { createEpochClock, epochStart } from "../../../core/pki/epoch.ts";
import type { Command } from "../../../core/wire/commands.ts";
import type { SessionConfig, SessionReport, SessionRequest } from "../../../core/wire/session.ts";
import { createStore, type Store } from "../../sim/store.ts";
import { authorityNames, keysOf, mixFields, parameters, providerFields, signed, suite } from "./fixture.ts";

export const periodMs = 80_000;
export const epoch = 1000;
// The fixture's certificates are valid then.
export const clock = createEpochClock(periodMs, 1_600_000_000_000 - epoch * periodMs);
export const self = "authority";
export const [own, peer, third] = authorityNames.map((name) => keysOf(name)) as [
  ReturnType<typeof keysOf>,
  ReturnType<typeof keysOf>,
  ReturnType<typeof keysOf>,
];
const peers = [peer, third].map(({ identityKey, linkKey }, i) => ({
  identityKey,
  linkKey,
  addresses: [`192.0.2.${i + 1}:1`],
}));

export const config: AuthorityConfig = {
  identityPrivate: own.identityPrivate,
  linkPrivate: own.linkPrivate,
  identifier: "authority1",
  peers,
  mixes: ["mix1", "mix2"].map((name) => keysOf(name).identityKey),
  providers: [{ name: "provider", identityKey: keysOf("provider").identityKey }],
  parameters,
  layers: 1,
  minNodesPerLayer: 1,
  clock,
  certificateExpiration: "epoch",
  limits: defaultLinkLimits,
};

export const machine = createAuthority(suite, self);

/** ms after the beginning of the epoch. */
export const at = (ms: number): Context => ({
  now: mono(5000 + ms),
  wall: wall(epochStart(clock, epoch) + ms),
  seed: suite.sha256(Uint8Array.of(ms & 255)),
});

/** How a disk answers: at once, not before it is told to, or that it does not take anything. */
export type Disk = "good" | "held" | StoreFailure;

const isStoreEffect = (effect: Effect): effect is Commit | Scan => effect.type === "Commit" || effect.type === "Scan";

export const createRun = (overrides: Partial<AuthorityConfig> = {}, startMs = 0, store: Store = createStore()): Run => {
  let disk: Disk = "good";
  let held: Array<Commit | Scan> = [];
  const perform = (effect: Commit | Scan): AuthorityEvent =>
    disk === "good" || disk === "held" || effect.type === "Scan"
      ? store.perform(effect) as AuthorityEvent
      : { type: "CommitFailed", id: effect.id, reason: disk };
  /** The effects of a step, and of those that follow from what the store answers. */
  const settle = (ms: number, effects: ReadonlyArray<Effect>): ReadonlyArray<Effect> => {
    const all: Effect[] = [];
    let waiting = effects;
    while (waiting.length > 0) {
      all.push(...waiting);
      const asked = waiting.filter(isStoreEffect);
      waiting = [];
      if (disk === "held") held.push(...asked);
      else {
        for (const effect of asked) {
          step = machine.step(at(ms), step.state, perform(effect));
          waiting = [...waiting, ...step.effects];
        }
      }
    }
    return all;
  };
  let step = machine.start(at(startMs), { ...config, ...overrides }, undefined);
  let connections = 0;
  const run: Run = {
    store,
    state: (): AuthorityState => step.state,
    wakeAtMs: (): number | null => step.wakeAt === null ? null : step.wakeAt - 5000,
    effects: settle(startMs, step.effects),
    step: (ms: number, event: AuthorityEvent | typeof tick): ReadonlyArray<Effect> => {
      step = machine.step(at(ms), step.state, event);
      return settle(ms, step.effects);
    },
    setDisk: (next: Disk): void => {
      disk = next;
    },
    /** The disk does what it was asked while it was held; what comes of that. */
    release: (ms: number): ReadonlyArray<Effect> => {
      disk = "good";
      const asked = held;
      held = [];
      return settle(ms, asked).slice(asked.length);
    },
    /** What the disk was asked for, and has not answered. */
    held: (): ReadonlyArray<Commit | Scan> => held,
    /** kill -9, and a start with what the store has. */
    restart: (ms: number): Run => createRun(overrides, ms, store),
    report: (ms: number, session: string, report: SessionReport["report"]) =>
      run.step(ms, { type: "Session", session, report }),
    /** One connection with one command: the status, `closed` without one, or null where there is no answer yet. */
    ask: (ms: number, as: Who, command: Command): number | string | null => {
      const session = `in/${connections++}`;
      run.step(ms, { type: "Incoming", connection: session, remote: "198.51.100.1:9" });
      run.report(ms, session, { type: "Authorize", additionalData: as.identityKey, key: as.linkKey, remote: "" });
      const told = run.report(ms, session, { type: "Command", command });
      const answer = sent(told, session);
      const isClosed = requestsTo(told, session).some(({ type }) => type === "Close");
      if (isClosed) run.report(ms, session, { type: "Down", reason: "closed" });
      return answer !== undefined && "status" in answer ? answer.status : isClosed ? "closed" : null;
    },
    /** A node posts. */
    post: (ms: number, name: string, payload: Uint8Array, of = epoch + 1) => {
      const { identityKey } = keysOf(name);
      const linkKey = suite.ed25519PublicToX25519(identityKey)!;
      return run.ask(ms, { identityKey, linkKey }, { type: "PostDescriptor", epoch: of, payload });
    },
  };
  return run;
};

/** What somebody presents. */
export type Who = Pick<ReturnType<typeof keysOf>, "identityKey" | "linkKey">;

export interface Run {
  readonly store: Store;
  readonly state: () => AuthorityState;
  readonly wakeAtMs: () => number | null;
  readonly effects: ReadonlyArray<Effect>;
  readonly step: (ms: number, event: AuthorityEvent | typeof tick) => ReadonlyArray<Effect>;
  readonly setDisk: (next: Disk) => void;
  readonly release: (ms: number) => ReadonlyArray<Effect>;
  readonly held: () => ReadonlyArray<Commit | Scan>;
  readonly restart: (ms: number) => Run;
  readonly report: (ms: number, session: string, report: SessionReport["report"]) => ReadonlyArray<Effect>;
  readonly ask: (ms: number, as: Who, command: Command) => number | string | null;
  readonly post: (ms: number, name: string, payload: Uint8Array, of?: number) => number | string | null;
}

export const postAll = (run: Run, ms: number, of = epoch + 1): void => {
  for (const name of ["mix1", "mix2"]) run.post(ms, name, signed(mixFields(name, of)), of);
  run.post(ms, "provider", signed(providerFields("provider", of)), of);
};

export const sessionsIn = (effects: ReadonlyArray<Effect>): ReadonlyArray<SessionConfig> =>
  effects.flatMap((effect) => effect.type === "Spawn" ? [effect.config as SessionConfig] : []);
export const requestsTo = (effects: ReadonlyArray<Effect>, session: string): ReadonlyArray<SessionRequest> =>
  effects.flatMap((effect) => effect.type === "Tell" && effect.to === session ? [effect.event as SessionRequest] : []);
export const sent = (effects: ReadonlyArray<Effect>, session: string): Command | undefined =>
  requestsTo(effects, session).find((request) => request.type === "Send")?.command;

/** Leads to P/2 with all descriptors; gives the sessions to the peers, by whom they are for. */
export const voting = (run: Run): ReadonlyMap<string, string> => {
  for (const [key] of run.state().errands) assert.match(key, /^fetch/);
  postAll(run, 100);
  const sessions = sessionsIn(run.step(periodMs / 2, tick));
  return new Map(
    sessions.map(({ self: session, role }) => [role.type === "initiator" ? role.addresses[0]! : "", session]),
  );
};

export const allow = (run: Run, ms: number, session: string, of = peer): ReadonlyArray<SessionRequest> =>
  requestsTo(
    run.report(ms, session, { type: "Authorize", additionalData: of.identityKey, key: of.linkKey, remote: "" }),
    session,
  );

export const up = {
  type: "Up",
  clockSkewMs: 0,
  handshakeHash: new Uint8Array(64),
} as const satisfies SessionReport["report"];
