/**
 * A client under test: the machine of core/client/client.ts driven by hand. Its session, its Provider and the rest of
 * the network are played by the test; packets travel by real unwrapping. Every state that the machine gives back is
 * frozen, so that a step which changes one fails.
 *
 * @module
 */
import assert from "node:assert/strict";
import { concat, fromUtf8, toHex, utf8 } from "../../../core/bytes.ts";
import { type ClientConfig, type ClientTiming, defaultTiming, defaultTransports } from "../../../core/client/config.ts";
import { type ClientEvent, createClientMachine } from "../../../core/client/client.ts";
import type { ClientNotice, ClientRequest } from "../../../core/client/events.ts";
import type { ClientState } from "../../../core/client/state.ts";
import type { Effect } from "../../../core/effects.ts";
import { E } from "../../../core/fp.ts";
import { type Context, type Mono, mono, tick, wall } from "../../../core/machine.ts";
import { addSignature, decodeCertificate, sign, signedMessage } from "../../../core/pki/cert.ts";
import { type Descriptor, providerLayer, signDescriptor } from "../../../core/pki/descriptor.ts";
import type { DirectoryRequest } from "../../../core/pki/directory.ts";
import { type Document, encodeDocument } from "../../../core/pki/document.ts";
import { createEpochClock, epochStart } from "../../../core/pki/epoch.ts";
import { deriveSeed } from "../../../core/random.ts";
import { createGeometry } from "../../../core/sphinx/geometry.ts";
import { decodeForwardPayload, encodeAck, encodeServiceReply } from "../../../core/sphinx/payload.ts";
import { packetFromSurb, type Surb } from "../../../core/sphinx/surb.ts";
import { unwrap } from "../../../core/sphinx/unwrap.ts";
import type { Address } from "../../../core/system.ts";
import type { Command } from "../../../core/wire/commands.ts";
import type { SessionConfig, SessionReport, SessionRequest } from "../../../core/wire/session.ts";
import { toySuite } from "../../sim/toy_suite.ts";

export const suite = toySuite;
/** Room for a SURB, a block and a little more. */
export const geometry = createGeometry(5, 2 + 556 + 300);
export const sphinx = { suite, geometry };
export const periodMs = 100_000;
export const clock = createEpochClock(periodMs, 0);
export const firstEpoch = 1000;

const seed = new Uint8Array(32).fill(5);

export interface Keys {
  readonly identityPrivate: Uint8Array;
  readonly identityKey: Uint8Array;
  readonly linkPrivate: Uint8Array;
  readonly linkKey: Uint8Array;
}

export const keysOf = (name: string): Keys => {
  const identitySeed = deriveSeed(seed, `identity ${name}`);
  const identityKey = suite.ed25519Public(identitySeed);
  const linkPrivate = deriveSeed(seed, `link ${name}`);
  return {
    identityPrivate: concat(identitySeed, identityKey),
    identityKey,
    linkPrivate,
    linkKey: suite.x25519Public(linkPrivate),
  };
};

const mixKeyOf = (name: string, epoch: number): Uint8Array => deriveSeed(seed, `mix key ${name} ${epoch}`);

/** Seconds, far away. */
export const expiration = 10_000_000_000;

export const descriptorOf = (
  name: string,
  layer: number,
  epoch: number,
  services: ReadonlyArray<string> = ["loop"],
): Descriptor => {
  const { identityPrivate, identityKey, linkKey } = keysOf(name);
  const fields = {
    name,
    identityKey,
    linkKey,
    mixKeys: new Map([0, 1, 2].map((ahead) => [epoch + ahead, suite.x25519Public(mixKeyOf(name, epoch + ahead))])),
    addresses: new Map([["tcp4", ["127.0.0.1:1"]]]),
    kaetzchen: layer === providerLayer
      ? new Map(services.map((capability) => [capability, new Map([["endpoint", `+${capability}`]])]))
      : null,
    registrationHttpAddresses: null,
    layer: layer === providerLayer ? providerLayer : 0,
    loadWeight: 0,
  };
  return { ...fields, layer, raw: signDescriptor(suite, identityPrivate, fields, expiration) };
};

export const parameters: Document["parameters"] = {
  sendRatePerMinute: 0,
  mu: 0.01,
  muMaxDelayMs: 1_000,
  lambdaP: 0.002,
  lambdaPMaxDelayMs: 10_000,
  lambdaL: 0.001,
  lambdaLMaxDelayMs: 10_000,
  lambdaD: 0.0005,
  lambdaDMaxDelayMs: 20_000,
  lambdaM: 0,
  lambdaMMaxDelayMs: 0,
};

const layers = [["a1", "a2"], ["b1", "b2"], ["c1", "c2"]];
export const providers = ["p1", "p2", "p3"];
export const authorityNames = ["auth1", "auth2", "auth3"];

export const documentOf = (epoch: number, more: Partial<Document> = {}): Document => ({
  epoch,
  genesisEpoch: firstEpoch - 10,
  parameters,
  topology: layers.map((names, layer) => names.map((name) => descriptorOf(name, layer, epoch))),
  providers: providers.map((name) => descriptorOf(name, providerLayer, epoch)),
  sharedRandomCommit: new Uint8Array(0),
  sharedRandomValue: new Uint8Array(32),
  priorSharedRandom: [new Uint8Array(32), new Uint8Array(32)],
  ...more,
});

/** A document as the given authorities sign it. */
export const signedDocument = (document: Document, signers: ReadonlyArray<string> = authorityNames): Uint8Array => {
  const certified = encodeDocument({
    ...document,
    topology: document.topology.map((layer) => layer.map(({ raw }) => raw)),
    providers: document.providers.map(({ raw }) => raw),
  });
  const [first, ...others] = signers.map((name) => keysOf(name).identityPrivate);
  let raw = sign(suite, first!, certified, expiration);
  for (const key of others) {
    const message = signedMessage(rightOf(decodeCertificate(raw)));
    raw = rightOf(addSignature(suite, raw, { identity: key.slice(32), payload: suite.ed25519Sign(key, message) }));
  }
  return raw;
};

export const rightOf = <A>(either: E.Either<unknown, A>): A => {
  assert.ok(E.isRight(either), `left ${JSON.stringify(either)}`);
  return either.right;
};

const frozen = new WeakSet<object>();

/** Freezes all but byte strings, whose contents move (core/machine.ts). */
export const deepFreeze = (value: unknown): void => {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || frozen.has(value)) return;
  frozen.add(value);
  if (value instanceof Map) { for (const item of value.values()) deepFreeze(item); }
  for (const key of Reflect.ownKeys(value)) deepFreeze((value as Record<PropertyKey, unknown>)[key]);
  Object.freeze(value);
};

/* The network */

export interface Arrival {
  /** Names of the hops. */
  readonly path: ReadonlyArray<string>;
  readonly delaysMs: ReadonlyArray<number>;
  readonly recipient: string;
  readonly surbId: string | null;
  /** As the last hop hands it over: forward payload, or tag and ciphertext of a reply. */
  readonly payload: Uint8Array;
}

const nodeNames = [...layers.flat(), ...providers];

/** Unwraps a packet at every hop, beginning with whoever can. */
export const travel = (packet: Uint8Array, epoch = firstEpoch): Arrival => {
  const path: string[] = [];
  const delaysMs: number[] = [];
  for (let current = packet;;) {
    const hop = unwrapAnywhere(current, epoch);
    path.push(hop.name);
    const delay = hop.commands.find((command) => command.type === "NodeDelay");
    delaysMs.push(delay?.delayMs ?? 0);
    if (hop.packet !== null) {
      current = hop.packet;
      continue;
    }
    const recipient = hop.commands.find((command) => command.type === "Recipient");
    const surb = hop.commands.find((command) => command.type === "SurbReply");
    assert.ok(recipient !== undefined && hop.payload !== null);
    const name = fromUtf8(recipient.id.filter((byte) => byte !== 0));
    return {
      path,
      delaysMs,
      recipient: name!,
      surbId: surb === undefined ? null : toHex(surb.id),
      payload: hop.payload,
    };
  }
};

const unwrapAnywhere = (packet: Uint8Array, epoch: number) => {
  for (const name of nodeNames) {
    for (const at of [epoch, epoch + 1, epoch + 2]) {
      const opened = unwrap(sphinx, mixKeyOf(name, at), packet.slice());
      if (E.isRight(opened)) return { name, ...opened.right };
    }
  }
  return assert.fail("no node can unwrap the packet");
};

/** What the destination finds in a forward packet's payload. */
export const openForward = (arrival: Arrival): { readonly surb: Surb | null; readonly userPayload: Uint8Array } =>
  rightOf(decodeForwardPayload(geometry, arrival.payload));

/** The reply to a packet as the client's Provider puts it into the mailbox; `data` null acknowledges. */
export const replyTo = (
  packet: Uint8Array,
  data: Uint8Array | null,
  epoch = firstEpoch,
): { readonly surbId: Uint8Array; readonly payload: Uint8Array } => {
  const { surb } = openForward(travel(packet, epoch));
  assert.ok(surb !== null, "the packet has a SURB");
  const payload = data === null ? encodeAck(geometry) : rightOf(encodeServiceReply(geometry, data));
  const reply = travel(rightOf(packetFromSurb(sphinx, surb, payload)).packet, epoch);
  assert.equal(reply.recipient, "alice");
  return { surbId: hexToBytes(reply.surbId!), payload: reply.payload };
};

const hexToBytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g)!.map((digits) => parseInt(digits, 16)));

/* The client */

export const aliceIdentity = deriveSeed(seed, "end to end alice");
export const bobIdentity = deriveSeed(seed, "end to end bob");

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
