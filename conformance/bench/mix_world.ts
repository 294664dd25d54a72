/**
 * The network around one mix under load, played by this process: a non-voting authority whose document has the mix
 * alone in its layer, mixes before it that send what they are given, and the mix after it. All of them are sessions of
 * one shell over real TCP.
 *
 * @module
 */
import { nativeSuite as suite } from "../../adapters/crypto_native.ts";
import { createMetrics } from "../../adapters/metrics.ts";
import { startShell } from "../../adapters/shell.ts";
import { createMemoryStore } from "../../adapters/store_memory.ts";
import { concat, equal } from "../../core/bytes.ts";
import { type Effect, type Incoming, tell } from "../../core/effects.ts";
import { sign } from "../../core/pki/cert.ts";
import { providerLayer, readDescriptor, signDescriptor } from "../../core/pki/descriptor.ts";
import { encodeDocument } from "../../core/pki/document.ts";
import { completeParameters } from "../../core/pki/parameters.ts";
import { deriveSeed } from "../../core/random.ts";
import { katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { type Address, createSystem } from "../../core/system.ts";
import { type Command, consensusStatus, descriptorStatus } from "../../core/wire/commands.ts";
import { createSession, type SessionConfig, type SessionReport } from "../../core/wire/session.ts";
import { rightOf } from "../properties/sphinx/fixture.ts";
import { roleOf } from "./role.ts";

export interface Keys {
  /** Seed and public key, 64 bytes. */
  readonly identityPrivate: Uint8Array;
  readonly identityKey: Uint8Array;
  readonly linkPrivate: Uint8Array;
  readonly linkKey: Uint8Array;
}

/** A link key that follows from the identity key, as a non-voting authority's and its nodes' do. */
export const keysOf = (name: string): Keys => {
  const seed = deriveSeed(new Uint8Array(32), name);
  const identityPrivate = concat(seed, suite.ed25519Public(seed));
  const linkPrivate = suite.ed25519PrivateToX25519(identityPrivate);
  return {
    identityPrivate,
    identityKey: identityPrivate.slice(32),
    linkPrivate,
    linkKey: suite.x25519Public(linkPrivate),
  };
};

/** Seconds since 1970, far away. */
const expiration = 10_000_000_000;
const mixKeyPrivate = new Uint8Array(32).fill(9);
const deadlines = { dialMs: 10_000, handshakeMs: 30_000, idleMs: null, writeMs: 60_000 };
const commandLengthMax = 131_072;
/** Packets that may wait for a link: the one who drives the load keeps fewer under way. */
const queueLength = 4096;

export interface WorldOptions {
  readonly epoch: number;
  /** Mixes before the mix: one link each. */
  readonly links: number;
  readonly ports: { readonly authority: number; readonly next: number; readonly mix: number };
  /** The mix's link key. */
  readonly mix: { readonly linkKey: Uint8Array };
  /** A packet has reached the mix after; the bytes are handed over. */
  readonly onPacket: (packet: Uint8Array) => void;
}

export interface World {
  /** Resolves with the mix's key of the epoch once it is connected to all its neighbours. */
  readonly ready: Promise<Uint8Array>;
  readonly send: (link: number, packet: Uint8Array) => void;
  readonly stop: () => Promise<void>;
}

export const authorityKeys: Keys = keysOf("authority");
/** The mix after: its identity key and, for the header, its mix key. */
export const nextHop = { id: keysOf("next").identityKey, privateKey: mixKeyPrivate };

const host = "127.0.0.1";
const parameters = rightOf(completeParameters({
  sendRatePerMinute: 0,
  mu: 0.01,
  muMaxDelayMs: 2000,
  lambdaP: 0,
  lambdaL: 0,
  lambdaD: 0,
  lambdaM: 0,
}));

const descriptorOf = (name: string, port: number, epoch: number, layer: number): Uint8Array => {
  const { identityPrivate, identityKey, linkKey } = keysOf(name);
  return signDescriptor(suite, identityPrivate, {
    name,
    identityKey,
    linkKey,
    mixKeys: new Map([[epoch, suite.x25519Public(mixKeyPrivate)]]),
    addresses: new Map([["tcp4", [`${host}:${port}`]]]),
    kaetzchen: layer === providerLayer ? new Map() : null,
    registrationHttpAddresses: null,
    layer,
    loadWeight: 0,
  }, expiration);
};

const previousName = (link: number): string => `previous${link}`;

const documentOf = ({ epoch, links, ports }: WorldOptions, mix: Uint8Array): Uint8Array => {
  const before = Array.from({ length: links }, (_, link) => descriptorOf(previousName(link), 1, epoch, 0));
  const certified = encodeDocument({
    epoch,
    genesisEpoch: epoch - 1,
    parameters,
    topology: [before, [mix], [descriptorOf("next", ports.next, epoch, 0)]],
    providers: [descriptorOf("provider", 1, epoch, providerLayer)],
    sharedRandomCommit: new Uint8Array(0),
    sharedRandomValue: new Uint8Array(32),
    priorSharedRandom: [new Uint8Array(32), new Uint8Array(32)],
  });
  return sign(suite, authorityKeys.identityPrivate, certified, expiration);
};

type RoleEvent = SessionReport | Incoming | {
  readonly type: "Send";
  readonly link: number;
  readonly packet: Uint8Array;
};

const sessionOf = (
  self: Address,
  owner: Address,
  role: SessionConfig["role"],
  keys: Keys,
  receives: SessionConfig["receives"],
): Effect => {
  const config: SessionConfig = {
    self,
    owner,
    role,
    staticPrivate: keys.linkPrivate.slice(),
    additionalData: keys.identityKey,
    deadlines,
    receives,
    commandLengthMax,
    queueLength,
  };
  return { type: "Spawn", at: self, kind: "session", config };
};

/** A listener whose peers are all let in. */
const listenerOf = (
  self: Address,
  keys: Keys,
  receives: SessionConfig["receives"],
  onCommand: (session: Address, command: Command) => ReadonlyArray<Effect>,
) =>
(event: RoleEvent): ReadonlyArray<Effect> => {
  if (event.type === "Incoming") {
    return [sessionOf(event.connection, self, { type: "responder", remote: event.remote }, keys, receives)];
  }
  if (event.type !== "Session") return [];
  const { session, report } = event;
  if (report.type === "Authorize") return [tell(session, { type: "Allowed" })];
  if (report.type === "Down") return [{ type: "Stop", at: session }];
  return report.type === "Command" ? onCommand(session, report.command) : [];
};

const answer = (session: Address, command: Command): ReadonlyArray<Effect> => [
  tell(session, { type: "Send", command }),
  tell(session, { type: "Close", polite: false }),
];

/** Starts everybody but the mix. */
export const startWorld = async (options: WorldOptions): Promise<World> => {
  const { epoch, links, ports, mix, onPacket } = options;
  let document: Uint8Array | null = null;
  let asking: Address[] = [];
  let up = 0;
  let mixKey: Uint8Array = new Uint8Array(0);
  let isReady: (mixKey: Uint8Array) => void = () => {};
  const ready = new Promise<Uint8Array>((resolve) => (isReady = resolve));

  const oneUp = (): void => {
    if (++up === links + 1) isReady(mixKey);
  };

  const consensus = (session: Address): ReadonlyArray<Effect> =>
    answer(session, { type: "Consensus", status: consensusStatus.ok, payload: document! });

  /** Whoever asks for the document before the mix has posted waits for it. */
  const authority = listenerOf("authority", authorityKeys, ["GetConsensus", "PostDescriptor"], (session, command) => {
    if (command.type === "GetConsensus") {
      if (document !== null) return consensus(session);
      asking.push(session);
    }
    if (command.type !== "PostDescriptor") return [];
    const effects = [...answer(session, { type: "PostDescriptorStatus", status: descriptorStatus.ok })];
    if (command.epoch === epoch && document === null) {
      const { descriptor } = rightOf(readDescriptor(command.payload, epoch, Math.floor(Date.now() / 1000)));
      mixKey = descriptor.mixKeys.get(epoch)!;
      document = documentOf(options, command.payload);
      effects.push(...asking.flatMap(consensus));
      asking = [];
    }
    return effects;
  });

  let nextUp = false;
  const next = listenerOf("next", keysOf("next"), ["SendPacket"], (_session, command) => {
    if (command.type === "SendPacket") onPacket(command.packet);
    return [];
  });
  // The mix has the document once it dials the mix after it: from then on it lets the mixes before it in.
  const nextThenPrevious = roleOf<RoleEvent>((event) => {
    const effects = next(event);
    if (event.type !== "Session" || event.report.type !== "Up" || nextUp) return effects;
    nextUp = true;
    oneUp();
    return [...effects, ...Array.from({ length: links }, (_, link) => dial(link))];
  });

  const dial = (link: number): Effect =>
    sessionOf(
      `link/${link}`,
      "previous",
      { type: "initiator", addresses: [`${host}:${ports.mix}`] },
      keysOf(
        previousName(link),
      ),
      [],
    );

  const previous = roleOf<RoleEvent>((event) => {
    if (event.type === "Send") {
      return [tell(`link/${event.link}`, { type: "Send", command: { type: "SendPacket", packet: event.packet } })];
    }
    if (event.type !== "Session") return [];
    const { session, report } = event;
    if (report.type === "Up") oneUp();
    if (report.type !== "Authorize") return [];
    return [tell(session, equal(report.key, mix.linkKey) ? { type: "Allowed" } : { type: "Denied", reason: "key" })];
  });

  const shell = await startShell({
    system: createSystem({
      authority: roleOf(authority),
      next: nextThenPrevious,
      previous,
      session: createSession({ suite, geometry }),
    }),
    boot: ["authority", "next", "previous"].map((at) => ({ type: "Spawn", at, kind: at, config: null })),
    sphinx: { suite, geometry },
    store: createMemoryStore({ bytesMax: 1 << 20 }),
    listeners: [
      { address: `${host}:${ports.authority}`, owner: "authority" },
      { address: `${host}:${ports.next}`, owner: "next" },
    ],
    onNotify: () => {},
    log: { write: ({ level, message }) => level === "CRITICAL" && console.error(message), reopen() {}, close() {} },
    metrics: createMetrics(),
  });
  return {
    ready,
    send: (link, packet) => void shell.tell("previous", { type: "Send", link, packet }),
    stop: shell.stop,
  };
};
