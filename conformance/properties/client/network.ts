/**
 * The network around a client under test: keys, descriptors and documents of its nodes, and packets that travel through
 * them by real unwrapping.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fromUtf8, toHex } from "../../../core/bytes.ts";
import { E, type Either } from "../../../core/fp.ts";
import { addSignature, decodeCertificate, sign, signedMessage } from "../../../core/pki/cert.ts";
import { type Descriptor, providerLayer, signDescriptor } from "../../../core/pki/descriptor.ts";
import { type Document, encodeDocument } from "../../../core/pki/document.ts";
import { createEpochClock } from "../../../core/pki/epoch.ts";
import { deriveSeed } from "../../../core/random.ts";
import { createGeometry } from "../../../core/sphinx/geometry.ts";
import { decodeForwardPayload, encodeAck, encodeServiceReply } from "../../../core/sphinx/payload.ts";
import { packetFromSurb, type Surb } from "../../../core/sphinx/surb.ts";
import { unwrap } from "../../../core/sphinx/unwrap.ts";
import { toySuite } from "../../sim/toy_suite.ts";
import { type Keys, keysFrom } from "../keys.ts";

export const suite = toySuite;
/** Room for a SURB, a block and a little more. */
export const geometry = createGeometry(5, 2 + 556 + 300);
export const sphinx = { suite, geometry };
export const periodMs = 100_000;
export const clock = createEpochClock(periodMs, 0);
export const firstEpoch = 1000;

const seed = new Uint8Array(32).fill(5);

export const keysOf = (name: string): Keys => keysFrom(suite, seed, name);

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

export const rightOf = <A>(either: Either<unknown, A>): A => {
  assert.ok(E.isRight(either), `left ${JSON.stringify(either)}`);
  return either.right;
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

/** X25519, 32 bytes each. */
export const aliceIdentity = deriveSeed(seed, "end to end alice");
export const bobIdentity = deriveSeed(seed, "end to end bob");
