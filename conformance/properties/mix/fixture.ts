/**
 * A node under test: the machine of core/mix/node.ts driven by hand. Sessions, unwrapping and the directory are played
 * by the test, the store is the simulator's; every state that the machine gives back is frozen, so that a step which
 * changes one fails.
 *
 * @module
 */
import assert from "node:assert/strict";
import { toHex, utf8 } from "../../../core/bytes.ts";
import type { Effect, LeafEffect, Unwrap } from "../../../core/effects.ts";
import { type Context, type Mono, mono, type Step, tick, wall } from "../../../core/machine.ts";
import { defaultLimits, type Limits, type NodeConfig } from "../../../core/mix/config.ts";
import { createNode, type NodeEvent } from "../../../core/mix/node.ts";
import { type NodeState, packetsHeld } from "../../../core/mix/state.ts";
import { type Descriptor, providerLayer } from "../../../core/pki/descriptor.ts";
import type { Document } from "../../../core/pki/document.ts";
import { createEpochClock, epochStart } from "../../../core/pki/epoch.ts";
import { defaultProviderConfig, type ProviderConfig } from "../../../core/provider/config.ts";
import { deriveSeed } from "../../../core/random.ts";
import type { RoutingCommand } from "../../../core/sphinx/commands.ts";
import { createGeometry } from "../../../core/sphinx/geometry.ts";
import type { Address } from "../../../core/system.ts";
import type { SessionReport, SessionRequest } from "../../../core/wire/session.ts";
import { createStore, type StoreEffect } from "../../sim/store.ts";
import { toySuite } from "../../sim/toy_suite.ts";
import { type Keys, keysFrom } from "../keys.ts";
import { packetIn, sealedPacket } from "../sealed.ts";

export const suite = toySuite;
export const geometry = createGeometry(5, 1024);
export const periodMs = 100_000;
export const clock = createEpochClock(periodMs, 0);
export const firstEpoch = 1000;

const seed = new Uint8Array(32).fill(7);

/** With the identity key in hex. */
export const keysOf = (name: string): Keys & { readonly id: string } => {
  const keys = keysFrom(suite, seed, name);
  return { ...keys, id: toHex(keys.identityKey) };
};

export const descriptorOf = (name: string, layer: number, epoch: number): Descriptor => ({
  name,
  identityKey: keysOf(name).identityKey,
  linkKey: keysOf(name).linkKey,
  mixKeys: new Map([0, 1, 2].map((ahead) => {
    const privateKey = deriveSeed(seed, `mix key ${name} ${epoch + ahead}`);
    return [epoch + ahead, suite.x25519Public(privateKey)];
  })),
  addresses: new Map([["tcp4", ["127.0.0.1:1"]]]),
  kaetzchen: layer === providerLayer ? new Map([["loop", new Map([["endpoint", "+loop"]])]]) : null,
  registrationHttpAddresses: null,
  layer,
  loadWeight: 0,
  raw: utf8(name),
});

export const parameters: Document["parameters"] = {
  sendRatePerMinute: 0,
  mu: 0.01,
  muMaxDelayMs: 20_000,
  lambdaP: 0.001,
  lambdaPMaxDelayMs: 1000,
  lambdaL: 0.001,
  lambdaLMaxDelayMs: 1000,
  lambdaD: 0.001,
  lambdaDMaxDelayMs: 1000,
  lambdaM: 0.001,
  lambdaMMaxDelayMs: 1000,
};

/** Mixes by layer, and Providers, by name. */
export interface Plan {
  readonly layers: ReadonlyArray<ReadonlyArray<string>>;
  readonly providers: ReadonlyArray<string>;
}

export const plan: Plan = { layers: [["a1", "a2"], ["b1", "b2"], ["c1", "c2"]], providers: ["p1", "p2"] };

export const documentOf = (
  epoch: number,
  { layers, providers }: Plan = plan,
  more: Partial<Document> = {},
): Document => ({
  epoch,
  genesisEpoch: firstEpoch,
  parameters,
  topology: layers.map((names, layer) => names.map((name) => descriptorOf(name, layer, epoch))),
  providers: providers.map((name) => descriptorOf(name, providerLayer, epoch)),
  sharedRandomCommit: new Uint8Array(0),
  sharedRandomValue: new Uint8Array(32),
  priorSharedRandom: [],
  ...more,
});

export interface Options {
  readonly limits?: Partial<Limits>;
  readonly provider?: Partial<ProviderConfig>;
  readonly sendDecoyTraffic?: boolean;
  /** ms after the beginning of the first epoch. */
  readonly elapsedMs?: number;
}

export const configOf = (name: string, options: Options = {}): NodeConfig => {
  const isProvider = name.startsWith("p");
  const registration = { enabled: true, advertised: null };
  const { identityPrivate, linkPrivate } = keysOf(name);
  return {
    identityPrivate,
    linkPrivate,
    name,
    isProvider,
    addresses: new Map([["tcp4", ["127.0.0.1:1"]]]),
    authorities: [{
      identityKey: keysOf("auth").identityKey,
      linkKey: keysOf("auth").linkKey,
      addresses: ["127.0.0.1:2"],
    }],
    clock,
    sendDecoyTraffic: options.sendDecoyTraffic ?? false,
    limits: { ...defaultLimits, ...options.limits },
    provider: isProvider ? { ...defaultProviderConfig, registration, ...options.provider } : null,
  };
};

const frozen = new WeakSet<object>();

// Over all nodes: a store outlives the node that filled it.
let tags = 0;

/** Freezes all but byte strings, whose contents move (core/machine.ts). */
export const deepFreeze = (value: unknown): void => {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || frozen.has(value)) return;
  frozen.add(value);
  if (value instanceof Map) { for (const item of value.values()) deepFreeze(item); }
  for (const key of Reflect.ownKeys(value)) deepFreeze((value as Record<PropertyKey, unknown>)[key]);
  Object.freeze(value);
};

const isStoreEffect = (effect: Effect): effect is StoreEffect =>
  ["Commit", "Scan", "DropTable", "TestAndSetReplay"].includes(effect.type);

/** The packet that is to be unwrapped. */
export const packetOf = ({ sealed }: Unwrap): Uint8Array => packetIn(suite, geometry, sealed);

/** What the effects of a node amounted to. */
export interface Seen {
  readonly counts: Map<string, number>;
  readonly drops: Map<string, number>;
}

export const createDriver = (name: string, options: Options = {}, store = createStore()) => {
  const machine = createNode({ suite, geometry });
  const config = configOf(name, options);
  const startWall = epochStart(clock, firstEpoch) + (options.elapsedMs ?? periodMs / 2);
  const seen: Seen = { counts: new Map(), drops: new Map() };
  const unwraps: Unwrap[] = [];
  const storing: StoreEffect[] = [];
  const consumed: Uint8Array[] = [];
  let [now, steps, sessions]: [number, number, number] = [500, 0, 0];
  let state: NodeState | null = null;
  let wakeAt: Mono | null = null;

  const context = (): Context => ({
    now: mono(now),
    wall: wall(startWall + now - 500),
    seed: deriveSeed(seed, `step ${name} ${steps++}`),
  });

  /** Packets that the node has given back or handed over: their memory may be another packet's by now. */
  const gone = new WeakSet<Uint8Array>();
  const giveUp = (packet: Uint8Array): void => {
    assert.equal(gone.has(packet), false, "a packet is given back or handed over twice");
    assert.equal(state!.queue.held.some(({ item }) => item.packet === packet), false, "a packet is still held");
    gone.add(packet);
  };

  const add = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

  const settle = (
    step: Step<NodeState, Effect>,
  ): ReadonlyArray<Effect> => {
    deepFreeze(step.state);
    ({ state, wakeAt } = step);
    consumed.push(...step.consumed ?? []);
    for (const effect of step.effects) {
      if (effect.type === "Unwrap") unwraps.push(effect);
      if (effect.type === "Count") add(seen.counts, effect.name);
      if (effect.type === "Drop") add(seen.drops, effect.reason);
      if (effect.type === "Release") giveUp(effect.packet);
      const told = effect.type === "Tell" ? effect.event as Partial<SessionRequest> : null;
      if (told?.type === "Send" && told.command?.type === "SendPacket") giveUp(told.command.packet);
      if (isStoreEffect(effect)) storing.push(effect);
    }
    return step.effects;
  };

  const driver = {
    config,
    seen,
    unwraps,
    storing,
    consumed,
    store,
    state: (): NodeState => state!,
    wakeAt: (): Mono | null => wakeAt,
    now: (): Mono => mono(now),
    tell: (event: NodeEvent): ReadonlyArray<Effect> => settle(machine.step(context(), state!, event)),
    tick: (): ReadonlyArray<Effect> => settle(machine.step(context(), state!, tick)),
    /** Answers what the store was asked, in order. */
    flush: (): ReadonlyArray<Effect> => {
      const effects: Effect[] = [];
      for (let next = storing.shift(); next !== undefined; next = storing.shift()) {
        effects.push(...driver.tell(store.perform(next)));
      }
      return effects;
    },
    /** Lets time pass, waking the node whenever it wants; `late` ms later than it wants. */
    advance: (ms: number): ReadonlyArray<Effect> => {
      const until = now + ms;
      const effects: Effect[] = [];
      for (let wakes = 0; wakeAt !== null && wakeAt <= until; wakes++) {
        assert.ok(wakes < 10_000, "the node clears its deadlines");
        now = Math.max(now, wakeAt);
        effects.push(...driver.tick(), ...driver.flush());
      }
      now = until;
      return effects;
    },
    /** Time passes and nobody wakes the node. */
    sleep: (ms: number): void => void (now += ms),
    report: (session: Address, report: SessionReport["report"]): ReadonlyArray<Effect> =>
      driver.tell({ type: "Session", session, report }),
    document: (document: Document): ReadonlyArray<Effect> =>
      driver.tell({
        type: "Directory",
        report: { type: "Document", epoch: document.epoch, raw: utf8(`document ${document.epoch}`), document },
      }),
    /** A peer connects and is asked who it is; the session and the answer. */
    connect: (
      additionalData: Uint8Array,
      key: Uint8Array,
    ): { session: Address; answer: SessionRequest | undefined } => {
      const session = `in/${sessions++}`;
      driver.tell({ type: "Incoming", connection: session, remote: "127.0.0.1:9" });
      const effects = driver.report(session, { type: "Authorize", additionalData, key, remote: "127.0.0.1:9" });
      const answer = told(effects, session)[0];
      if (answer?.type === "Allowed") {
        driver.report(session, { type: "Up", clockSkewMs: 0, handshakeHash: new Uint8Array(64) });
      }
      return { session, answer };
    },
    connectNode: (peer: string): Address => driver.connect(keysOf(peer).identityKey, keysOf(peer).linkKey).session,
    connectUser: (user: string): Address => driver.connect(utf8(user), keysOf(user).linkKey).session,
    register: (user: string, identityKey: Uint8Array | null = null): void => {
      driver.tell({ type: "Register", id: 1, user, linkKey: keysOf(user).linkKey, identityKey });
      driver.flush();
    },
    /** Brings up the links that the node dials. */
    linkUp: (): void => {
      driver.advance(0);
      for (const { phase } of driver.state().links.byId.values()) {
        if (phase.type === "dialling") {
          driver.report(phase.session, { type: "Up", clockSkewMs: 0, handshakeHash: new Uint8Array(64) });
        }
      }
    },
    send: (session: Address, packet: Uint8Array = new Uint8Array(geometry.packetLength)): ReadonlyArray<Effect> =>
      driver.report(
        session,
        packet.length === geometry.packetLength
          ? { type: "Sealed", message: sealedPacket(suite, geometry, packet) }
          : { type: "Command", command: { type: "SendPacket", packet } },
      ),
    /** Answers the oldest unwrap with commands, and the store's word on its replay tag. */
    unwrapped: (
      commands: ReadonlyArray<RoutingCommand>,
      payload: Uint8Array | null = null,
      tag?: Uint8Array,
    ): ReadonlyArray<Effect> => {
      const unwrap = unwraps.shift()!;
      const { id, keys } = unwrap;
      const isForward = commands.some(({ type }) => type === "NextNodeHop");
      const replayTag = tag ?? deriveSeed(seed, `tag ${tags++}`);
      const result = {
        ok: true,
        epoch: keys[0]!.epoch,
        replayTag,
        commands,
        packet: isForward ? packetOf(unwrap) : null,
        payload,
      } as const;
      return [...driver.tell({ type: "Unwrapped", id, result }), ...driver.flush()];
    },
  };

  settle(machine.start(context(), config, undefined));
  driver.flush();
  return driver;
};

export type Driver = ReturnType<typeof createDriver>;

/** A driver that knows the documents of this epoch and is connected onwards. */
export const createRunning = (name: string, options: Options = {}): Driver => {
  const driver = createDriver(name, options);
  driver.document(documentOf(firstEpoch));
  driver.linkUp();
  return driver;
};

/** What a machine was told in some effects. */
export const told = (effects: ReadonlyArray<Effect>, to: Address): ReadonlyArray<SessionRequest> =>
  effects.flatMap((effect) => (effect.type === "Tell" && effect.to === to ? [effect.event as SessionRequest] : []));

export const logged = (
  effects: ReadonlyArray<Effect>,
  reason: string,
): ReadonlyArray<Extract<LeafEffect, { type: "Log" }>> =>
  effects.flatMap((effect) => (effect.type === "Log" && effect.reason === reason ? [effect] : []));

export const dropped = (effects: ReadonlyArray<Effect>): ReadonlyArray<string> =>
  effects.flatMap((effect) => (effect.type === "Drop" ? [effect.reason] : []));

/** received + created = forwarded + delivered + dropped + held, in the state and by the effects. */
export const assertConserved = (driver: Driver): void => {
  const { tally } = driver.state();
  const droppedPackets = tally.dropped.reduce((sum, n) => sum + n, 0);
  assert.equal(
    tally.received + tally.created,
    tally.forwarded + tally.delivered + droppedPackets + packetsHeld(driver.state()),
  );
  for (const fate of ["received", "created", "forwarded", "delivered"] as const) {
    assert.equal(driver.seen.counts.get(`packets-${fate}`) ?? 0, tally[fate]);
  }
  assert.deepEqual(new Map(driver.seen.drops), new Map(tally.dropped));
};

export const recipient = (user: string): Uint8Array => {
  const bytes = new Uint8Array(64);
  bytes.set(utf8(user));
  return bytes;
};

export const forwardTo = (name: string, delayMs: number): ReadonlyArray<RoutingCommand> => [
  { type: "NodeDelay", delayMs },
  { type: "NextNodeHop", id: keysOf(name).identityKey, mac: new Uint8Array(16) },
];
