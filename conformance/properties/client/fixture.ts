/**
 * A client under test: the machine of core/client/client.ts driven by hand. Its session, its Provider and the rest of
 * the network are played by the test. Every state that the machine gives back is frozen, so that a step which changes
 * one fails.
 *
 * @module
 */
import assert from "node:assert/strict";
import { utf8 } from "../../../core/bytes.ts";
import { type ClientConfig, type ClientTiming, defaultTiming, defaultTransports } from "../../../core/client/config.ts";
import { type ClientEvent, createClientMachine } from "../../../core/client/client.ts";
import type { ClientNotice, ClientRequest } from "../../../core/client/events.ts";
import type { ClientState } from "../../../core/client/state.ts";
import type { Effect } from "../../../core/effects.ts";
import { type Context, type Mono, mono, tick, wall } from "../../../core/machine.ts";
import type { DirectoryRequest } from "../../../core/pki/directory.ts";
import type { Document } from "../../../core/pki/document.ts";
import { createEpochClock, epochStart } from "../../../core/pki/epoch.ts";
import { deriveSeed } from "../../../core/random.ts";
import type { Address } from "../../../core/system.ts";
import type { Command } from "../../../core/wire/commands.ts";
import type { SessionConfig, SessionReport, SessionRequest } from "../../../core/wire/session.ts";
import {
  aliceIdentity,
  authorityNames,
  bobIdentity,
  clock,
  documentOf,
  firstEpoch,
  geometry,
  keysOf,
  parameters,
  signedDocument,
  suite,
} from "./network.ts";

const seed = new Uint8Array(32).fill(6);

/** Epochs that last: one document serves for a long run. */
export const slowClock = createEpochClock(1_000_000_000, 0);

const frozen = new WeakSet<object>();

/** Freezes all but byte strings, whose contents move (core/machine.ts). */
export const deepFreeze = (value: unknown): void => {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || frozen.has(value)) return;
  frozen.add(value);
  if (value instanceof Map) { for (const item of value.values()) deepFreeze(item); }
  for (const key of Reflect.ownKeys(value)) deepFreeze((value as Record<PropertyKey, unknown>)[key]);
  Object.freeze(value);
};

export interface Options extends Partial<Omit<ClientConfig, "timing">> {
  readonly timing?: Partial<ClientTiming>;
  /** Names the stream that all steps' seeds come from. */
  readonly run?: string;
  /** ms after the beginning of the first epoch. */
  readonly elapsedMs?: number;
}

export const configOf = ({ timing, run: _, elapsedMs: __, ...more }: Options = {}): ClientConfig => ({
  user: "alice",
  provider: "p1",
  linkPrivate: keysOf("alice").linkPrivate,
  identityPrivate: aliceIdentity,
  authorities: authorityNames.map((name) => ({ ...keysOf(name), addresses: ["127.0.0.1:2"] })),
  clock,
  providerKeyPin: null,
  transports: defaultTransports,
  decoys: true,
  ...more,
  timing: { ...defaultTiming, ...timing },
});

export interface SentAt {
  readonly at: number;
  readonly packet: Uint8Array;
  readonly id: number;
}

export const createDriver = (options: Options = {}) => {
  const machine = createClientMachine({ suite, geometry });
  const startWall = epochStart(options.clock ?? clock, firstEpoch) + (options.elapsedMs ?? 1_000);
  const notices: ClientNotice[] = [];
  const drops: string[] = [];
  const logs: string[] = [];
  const packets: SentAt[] = [];
  const commands: Command[] = [];
  const fetches: DirectoryRequest[] = [];
  const spawned: SessionConfig[] = [];
  const consumed: Uint8Array[] = [];
  let [now, steps]: [number, number] = [500, 0];
  let state: ClientState | null = null;
  let wakeAt: Mono | null = null;

  const context = (): Context => ({
    now: mono(now),
    wall: wall(startWall + now - 500),
    seed: deriveSeed(seed, `step ${options.run ?? ""} ${steps++}`),
  });

  const observe = (effect: Effect): void => {
    if (effect.type === "Notify") notices.push(effect.event as ClientNotice);
    if (effect.type === "Drop") drops.push(effect.reason);
    if (effect.type === "Log") logs.push(effect.reason);
    if (effect.type === "Spawn") spawned.push(effect.config as SessionConfig);
    if (effect.type !== "Tell") return;
    if (effect.to === "directory") fetches.push(effect.event as DirectoryRequest);
    const request = effect.event as SessionRequest;
    if (request.type !== "Send") return;
    commands.push(request.command);
    if (request.command.type === "SendPacket") {
      packets.push({ at: now, packet: request.command.packet, id: request.id! });
    }
  };

  const settle = (step: ReturnType<typeof machine.step>): ReadonlyArray<Effect> => {
    deepFreeze(step.state);
    ({ state, wakeAt } = step);
    consumed.push(...step.consumed ?? []);
    step.effects.forEach(observe);
    return step.effects;
  };

  const driver = {
    notices,
    drops,
    logs,
    packets,
    commands,
    fetches,
    spawned,
    consumed,
    state: (): ClientState => state!,
    wakeAt: (): Mono | null => wakeAt,
    now: (): number => now,
    tell: (event: ClientEvent): ReadonlyArray<Effect> => settle(machine.step(context(), state!, event)),
    tick: (): ReadonlyArray<Effect> => settle(machine.step(context(), state!, tick)),
    request: (request: ClientRequest): ReadonlyArray<Effect> => driver.tell(request),
    /** Lets time pass, waking the client whenever it wants, and tells `onWake` what came of it. */
    advance: (ms: number, onWake: () => void = () => {}): void => {
      const until = now + ms;
      for (let wakes = 0; wakeAt !== null && wakeAt <= until; wakes++) {
        assert.ok(wakes < 100_000, "the client clears its deadlines");
        now = Math.max(now, wakeAt);
        driver.tick();
        onWake();
      }
      now = until;
    },
    /** Time passes and nobody wakes the client. */
    sleep: (ms: number): void => void (now += ms),
    session: (): Address => {
      const { link } = driver.state();
      assert.ok(link.type !== "Idle" && link.type !== "Stopped", `no session: ${link.type}`);
      return link.session;
    },
    report: (report: SessionReport["report"], session: Address = driver.session()): ReadonlyArray<Effect> =>
      driver.tell({ type: "Session", session, report }),
    command: (command: Command): ReadonlyArray<Effect> => driver.report({ type: "Command", command }),
    document: (document: Document): ReadonlyArray<Effect> =>
      driver.tell({
        type: "Directory",
        report: { type: "Document", epoch: document.epoch, raw: signedDocument(document), document },
      }),
    authorize: (name = "p1"): ReadonlyArray<Effect> => {
      const { identityKey, linkKey } = keysOf(name);
      return driver.report({ type: "Authorize", additionalData: identityKey, key: linkKey, remote: "127.0.0.1:1" });
    },
    up: (clockSkewMs = 0): ReadonlyArray<Effect> =>
      driver.report({ type: "Up", clockSkewMs, handshakeHash: new Uint8Array(64) }),
    down: (
      reason: Extract<SessionReport["report"], { type: "Down" }>["reason"] = "peer-closed",
    ): ReadonlyArray<Effect> => driver.report({ type: "Down", reason }),
    /** The session has written out all packets so far that it had not reported. */
    written: (): void => {
      for (const id of [...driver.state().inFlight.keys()].sort((a, b) => a - b)) {
        driver.report({ type: "Sent", id, dropped: null });
      }
    },
    /** Answers an outstanding retrieval. */
    deliver: (
      message: { readonly surbId: Uint8Array; readonly payload: Uint8Array } | Uint8Array | null,
    ): ReadonlyArray<Effect> => {
      const { sequence } = driver.state().retrieval;
      if (message === null) return driver.command({ type: "MessageEmpty", sequence });
      if (message instanceof Uint8Array) {
        return driver.command({ type: "Message", queueSizeHint: 0, sequence, payload: message });
      }
      return driver.command({ type: "MessageAck", queueSizeHint: 0, sequence, ...message });
    },
    of: <Type extends ClientNotice["type"]>(
      type: Type,
    ): ReadonlyArray<Extract<ClientNotice, { readonly type: Type }>> =>
      notices.filter((notice): notice is Extract<ClientNotice, { readonly type: Type }> => notice.type === type),
  };

  settle(machine.start(context(), configOf(options), undefined));
  return driver;
};

export type Driver = ReturnType<typeof createDriver>;

/** A driver with the document of this epoch and a connection. */
export const createRunning = (options: Options = {}, document: Document = documentOf(firstEpoch)): Driver => {
  const driver = createDriver(options);
  driver.document(document);
  driver.authorize();
  driver.up();
  return driver;
};

/** Only lambdaP, so that the packets sent are the user's until the FIFO is empty. */
export const quiet = { parameters: { ...parameters, lambdaL: 0, lambdaD: 0 } };

/** In a network of such traffic, with a slow clock. */
export const createQuiet = (options: Options = {}): Driver =>
  createRunning({ clock: slowClock, run: "requests", ...options }, documentOf(firstEpoch, quiet));

export const ping = (id: string, provider: string | null = "p2"): ClientRequest => ({
  type: "Query",
  id,
  target: { type: "Service", capability: "loop", provider },
  payload: utf8("ping"),
  lengthPrefix: false,
});

export const messageTo = (id: string, text: string): ClientRequest => ({
  type: "SendMessage",
  id,
  user: "bob",
  provider: "p3",
  recipientKey: suite.x25519Public(bobIdentity),
  payload: utf8(text),
});

const outcomes: ReadonlySet<ClientNotice["type"]> = new Set(["Reply", "Delivered", "Timeout", "Failed"]);

/** The outcomes of a request, or of all. */
export const outcomesOf = ({ notices }: Driver, id: string | null = null): ReadonlyArray<ClientNotice> =>
  notices.filter((notice) => outcomes.has(notice.type) && "id" in notice && (id === null || notice.id === id));

/** Answers retrievals as a Provider with an empty mailbox does, and reports packets as written out. */
export const keepAlive = (driver: Driver) => (): void => {
  if (driver.state().link.type !== "Up") return;
  if (driver.state().retrieval.answerBy !== null) driver.deliver(null);
  driver.written();
};

/** Lets the FIFO run empty. */
export const sendAll = (driver: Driver): void => {
  while (driver.state().egress.size > 0) driver.advance(100, keepAlive(driver));
};

/** Puts a message into the mailbox and lets the client fetch it. */
export const receive = (driver: Driver, message: Parameters<Driver["deliver"]>[0]): void => {
  keepAlive(driver)();
  while (driver.state().retrieval.answerBy === null) {
    driver.advance(driver.state().retrieval.pollAt! - driver.now(), () => driver.written());
  }
  driver.deliver(message);
};
