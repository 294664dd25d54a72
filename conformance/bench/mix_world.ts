/**
 * The network around one mix under load, played by this process: a non-voting authority whose document has the mix
 * alone in its layer, mixes before it that send what they are given, and the mix after it. The authority is a machine
 * in a shell; the links are mix_link.ts's, so that this process leaves the processors to the mix.
 *
 * @module
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { nativeSuite as suite } from "../../adapters/crypto_native.ts";
import { createMetrics } from "../../adapters/metrics.ts";
import { startShell } from "../../adapters/shell.ts";
import { createMemoryStore } from "../../adapters/store_memory.ts";
import { concat } from "../../core/bytes.ts";
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
import { type LinkConfig, type LinkEnd, linkUp } from "./mix_link.ts";
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
const commandLengthMax = 131_072;

export interface WorldOptions {
  readonly epoch: number;
  /** Mixes before the mix: one link each. */
  readonly links: number;
  readonly ports: { readonly authority: number; readonly next: number; readonly mix: number };
}

export interface World {
  /** Resolves with the mix's key of the epoch and the links once it is connected to all its neighbours. */
  readonly ready: Promise<Neighbours>;
  readonly stop: () => Promise<void>;
}

export interface Neighbours {
  readonly mixKey: Uint8Array;
  /** From the mixes before it. */
  readonly previous: ReadonlyArray<LinkEnd>;
  /** To the mix after it. */
  readonly next: LinkEnd;
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

/** The authority's end of a connection: whoever comes is let in. */
const sessionOf = (self: Address, remote: string): Effect => {
  const config: SessionConfig = {
    self,
    owner: "authority",
    role: { type: "responder", remote },
    staticPrivate: authorityKeys.linkPrivate.slice(),
    additionalData: authorityKeys.identityKey,
    deadlines: { dialMs: 10_000, handshakeMs: 30_000, idleMs: null, writeMs: 60_000 },
    receives: ["GetConsensus", "PostDescriptor"],
    commandLengthMax,
    queueLength: 4,
  };
  return { type: "Spawn", at: self, kind: "session", config };
};

const answer = (session: Address, command: Command): ReadonlyArray<Effect> => [
  tell(session, { type: "Send", command }),
  tell(session, { type: "Close", polite: false }),
];

/** Whoever asks for the document before the mix has posted waits for it. */
const authorityOf = (options: WorldOptions, onMixKey: (mixKey: Uint8Array) => void) => {
  let document: Uint8Array | null = null;
  let asking: Address[] = [];

  const consensus = (session: Address): ReadonlyArray<Effect> =>
    answer(session, { type: "Consensus", status: consensusStatus.ok, payload: document! });

  const onCommand = (session: Address, command: Command): ReadonlyArray<Effect> => {
    if (command.type === "GetConsensus") {
      if (document !== null) return consensus(session);
      asking.push(session);
    }
    if (command.type !== "PostDescriptor") return [];
    const effects = [...answer(session, { type: "PostDescriptorStatus", status: descriptorStatus.ok })];
    if (command.epoch === options.epoch && document === null) {
      const { descriptor } = rightOf(readDescriptor(command.payload, options.epoch, Math.floor(Date.now() / 1000)));
      onMixKey(descriptor.mixKeys.get(options.epoch)!);
      document = documentOf(options, command.payload);
      effects.push(...asking.flatMap(consensus));
      asking = [];
    }
    return effects;
  };

  return roleOf<SessionReport | Incoming>((event) => {
    if (event.type === "Incoming") return [sessionOf(event.connection, event.remote)];
    const { session, report } = event;
    if (report.type === "Authorize") return [tell(session, { type: "Allowed" })];
    if (report.type === "Down") return [{ type: "Stop", at: session }];
    return report.type === "Command" ? onCommand(session, report.command) : [];
  });
};

const linkOf = (name: string, role: LinkConfig["role"]): LinkConfig => {
  const { linkPrivate, identityKey } = keysOf(name);
  return { role, staticPrivate: linkPrivate.slice(), additionalData: identityKey };
};

/** Listens as the mix after; gives the server and its first link. */
const acceptLink = async (port: number): Promise<{ readonly server: Server; readonly link: Promise<LinkEnd> }> => {
  const server = createServer();
  const link = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return { server, link: link.then((socket) => linkUp(socket, linkOf("next", { type: "responder", remote: host }))) };
};

const dialLink = async (port: number, name: string): Promise<LinkEnd> => {
  const socket = createConnection(port, host);
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return linkUp(socket, linkOf(name, { type: "initiator", addresses: [] }));
};

/** Starts everybody but the mix. */
export const startWorld = async (options: WorldOptions): Promise<World> => {
  const { links, ports } = options;
  let isKnown: (mixKey: Uint8Array) => void = () => {};
  const known = new Promise<Uint8Array>((resolve) => (isKnown = resolve));
  const shell = await startShell({
    system: createSystem({
      authority: authorityOf(options, (mixKey) => isKnown(mixKey)),
      session: createSession({ suite, geometry }),
    }),
    boot: [{ type: "Spawn", at: "authority", kind: "authority", config: null }],
    sphinx: { suite, geometry },
    store: createMemoryStore({ bytesMax: 1 << 20 }),
    listeners: [{ address: `${host}:${ports.authority}`, owner: "authority" }],
    onNotify: () => {},
    log: { write: ({ level, message }) => level === "CRITICAL" && console.error(message), reopen() {}, close() {} },
    metrics: createMetrics(),
  });
  const accepted = await acceptLink(ports.next);

  // The mix has the document once it dials the mix after it: from then on it lets the mixes before it in.
  const meet = async (): Promise<Neighbours> => {
    const next = await accepted.link;
    const previous = await Promise.all(
      Array.from({ length: links }, (_, link) => dialLink(ports.mix, previousName(link))),
    );
    return { mixKey: await known, previous, next };
  };
  const ready = meet();

  return {
    ready,
    stop: async () => {
      const { previous, next } = await ready;
      for (const { socket } of [...previous, next]) socket.destroy();
      accepted.server.close();
      await shell.stop();
    },
  };
};
