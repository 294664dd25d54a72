/**
 * The Noise HandshakeState (The Noise Protocol Framework §5.3, hybrid forward secrecy draft 5) over a pattern's table.
 *
 * A handshake is a value: a message written or read gives the next one and leaves the old as it was. Nothing that a
 * peer sends throws. Of a Diffie-Hellman result of zeros (a low-order point) the handshake ends, which Noise leaves
 * open and Go did not do.
 *
 * @module
 */
import { concat, wipe } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import { absurd, invariant } from "../machine.ts";
import type { Random } from "../random.ts";
import { type CipherState, tagLength } from "./cipher_state.ts";
import type { Pattern, Token } from "./pattern.ts";
import {
  decryptAndHash,
  encryptAndHash,
  mixHash,
  mixKey,
  type NoiseSuite,
  split,
  startSymmetric,
  symmetricSecrets,
  type SymmetricState,
} from "./symmetric.ts";

export type Role = "initiator" | "responder";

export interface HandshakeConfig {
  readonly pattern: Pattern;
  readonly role: Role;
  readonly prologue: Uint8Array;
  /** X25519, 32 bytes; stays its owner's: a handshake never reports it as consumed. */
  readonly staticPrivate: Uint8Array;
  /** The peer's, where the pattern knows it beforehand; else null. */
  readonly remoteStatic: Uint8Array | null;
}

export interface HandshakeState {
  readonly pattern: Pattern;
  readonly role: Role;
  /** Messages so far, of both sides. */
  readonly turn: number;
  readonly symmetric: SymmetricState;
  readonly staticPrivate: Uint8Array;
  readonly staticPublic: Uint8Array;
  readonly ephemeralPrivate: Uint8Array | null;
  readonly remoteStatic: Uint8Array | null;
  readonly remoteEphemeral: Uint8Array | null;
  readonly kem: KemState;
}

type KemState =
  | { readonly type: "none" }
  | { readonly type: "generated"; readonly privateKey: Uint8Array }
  | { readonly type: "offered"; readonly publicKey: Uint8Array }
  | { readonly type: "shared"; readonly secret: Uint8Array };

/** What a finished handshake leaves. */
export interface Transport {
  readonly send: CipherState;
  readonly receive: CipherState;
  /** Public, and the same at both ends: names the session. */
  readonly handshakeHash: Uint8Array;
  readonly remoteStatic: Uint8Array | null;
}

/** Why a message was refused: its length, a low-order point, a malformed KEM value, a tag that does not match. */
export type HandshakeFailure = "length" | "point" | "kem" | "decrypt";

export interface Turn {
  readonly next:
    | { readonly type: "handshake"; readonly state: HandshakeState }
    | { readonly type: "transport"; readonly transport: Transport };
  /** The message to send, or the payload that was read. */
  readonly bytes: Uint8Array;
  /** Secrets of the given state, and of the way to the next, that the next does not hold. */
  readonly consumed: ReadonlyArray<Uint8Array>;
}

export const startHandshake = (noise: NoiseSuite, config: HandshakeConfig): HandshakeState => {
  const { pattern, role, staticPrivate, remoteStatic } = config;
  const staticPublic = noise.suite.x25519Public(staticPrivate);
  const statics = role === "initiator" ? [staticPublic, remoteStatic] as const : [remoteStatic, staticPublic] as const;
  let symmetric = startSymmetric(noise, `Noise_${pattern.name}_${noise.name}`);
  symmetric = mixHash(noise, symmetric, config.prologue);
  if (pattern.knownStatics.initiator) symmetric = mixHash(noise, symmetric, known(statics[0]));
  if (pattern.knownStatics.responder) symmetric = mixHash(noise, symmetric, known(statics[1]));
  return {
    pattern,
    role,
    turn: 0,
    symmetric,
    staticPrivate,
    staticPublic,
    ephemeralPrivate: null,
    remoteStatic,
    remoteEphemeral: null,
    kem: { type: "none" },
  };
};

/** Length in bytes of the pattern's n-th message (from 0) around a payload. */
export const messageLength = (noise: NoiseSuite, pattern: Pattern, index: number, payloadLength: number): number => {
  let [keyed, generated, length] = [false, false, 0];
  pattern.messages.slice(0, index + 1).forEach((tokens, at) => {
    for (const token of tokens) {
      const tag = keyed ? tagLength : 0;
      const kemLength = generated ? noise.suite.kem.ciphertextLength : noise.suite.kem.publicLength;
      if (at === index) length += token === "e" ? 32 : token === "s" ? 32 + tag : token === "f" ? kemLength + tag : 0;
      if (token === "f") generated = true;
      else if (token !== "e" && token !== "s") keyed = true;
    }
  });
  return length + payloadLength + (keyed ? tagLength : 0);
};

/** What writing or reading one message gathers; it lives for that message only. */
interface Work {
  readonly noise: NoiseSuite;
  state: HandshakeState;
  readonly consumed: Uint8Array[];
}

/**
 * Writes the next message. Draws the ephemeral scalar first (32 bytes), then what the KEM asks for: the order of the
 * reference vectors. Left: `point` or `kem`, for what the peer sent before or a remote static key of low order.
 */
export const writeMessage = (
  noise: NoiseSuite,
  state: HandshakeState,
  random: Random,
  payload: Uint8Array,
): Either<HandshakeFailure, Turn> => {
  const work: Work = { noise, state, consumed: [] };
  const parts: Uint8Array[] = [];
  for (const token of tokensOf(state, true)) {
    const written = writeToken(work, random, token);
    if (typeof written === "string") return E.left(written);
    parts.push(written);
  }
  parts.push(encrypt(work, payload));
  return E.right(finish(work, concat(...parts)));
};

/** Reads the next message, whose payload is what follows its keys. */
export const readMessage = (
  noise: NoiseSuite,
  state: HandshakeState,
  message: Uint8Array,
): Either<HandshakeFailure, Turn> => {
  if (message.length < messageLength(noise, state.pattern, state.turn, 0)) return E.left("length");
  const work: Work = { noise, state, consumed: [] };
  let rest = message;
  for (const token of tokensOf(state, false)) {
    const length = readLength(work, token);
    const failure = readToken(work, token, rest.subarray(0, length));
    if (failure !== null) return E.left(failure);
    rest = rest.subarray(length);
  }
  const payload = decrypt(work, rest);
  return payload === null ? E.left("decrypt") : E.right(finish(work, payload));
};

/** The secrets that a handshake holds, for a session that ends with it. */
export const handshakeSecrets = (state: HandshakeState): ReadonlyArray<Uint8Array> => {
  const secrets = [...symmetricSecrets(state.symmetric)];
  if (state.ephemeralPrivate !== null) secrets.push(state.ephemeralPrivate);
  if (state.kem.type === "generated") secrets.push(state.kem.privateKey);
  if (state.kem.type === "shared") secrets.push(state.kem.secret);
  return secrets;
};

const tokensOf = (state: HandshakeState, writing: boolean): ReadonlyArray<Token> => {
  const initiatorsTurn = state.turn % 2 === 0;
  invariant((state.role === "initiator") === (initiatorsTurn === writing), "handshake messages alternate");
  const tokens = state.pattern.messages[state.turn];
  invariant(tokens !== undefined, "a handshake ends");
  return tokens;
};

const noBytes = new Uint8Array(0);

const writeToken = (work: Work, random: Random, token: Token): Uint8Array | HandshakeFailure => {
  switch (token) {
    case "e": {
      const ephemeralPrivate = random.bytes(32);
      const publicKey = work.noise.suite.x25519Public(ephemeralPrivate);
      work.state = { ...work.state, ephemeralPrivate, symmetric: mixHash(work.noise, work.state.symmetric, publicKey) };
      return publicKey;
    }
    case "s":
      return encrypt(work, work.state.staticPublic);
    case "f":
      return writeKem(work, random);
    case "ee":
    case "es":
    case "se":
    case "ss":
    case "ff":
      return mix(work, token) ?? noBytes;
    default:
      return absurd(token);
  }
};

const writeKem = (work: Work, random: Random): Uint8Array | HandshakeFailure => {
  const { kem } = work.noise.suite;
  if (work.state.kem.type === "none") {
    const { publicKey, privateKey } = kem.generate(random);
    work.state = { ...work.state, kem: { type: "generated", privateKey } };
    return encrypt(work, publicKey);
  }
  invariant(work.state.kem.type === "offered", "f answers f");
  const encapsulated = kem.encapsulate(random, work.state.kem.publicKey);
  if (encapsulated === null) return "kem";
  work.state = { ...work.state, kem: { type: "shared", secret: encapsulated.shared } };
  return encrypt(work, encapsulated.ciphertext);
};

/** Length in the message of what a token carries. */
const readLength = ({ noise: { suite }, state }: Work, token: Token): number => {
  const tag = state.symmetric.cipher === null ? 0 : tagLength;
  switch (token) {
    case "e":
      return 32;
    case "s":
      return 32 + tag;
    case "f":
      return (state.kem.type === "none" ? suite.kem.publicLength : suite.kem.ciphertextLength) + tag;
    default:
      return 0;
  }
};

const readToken = (work: Work, token: Token, bytes: Uint8Array): HandshakeFailure | null => {
  switch (token) {
    case "e":
      work.state = {
        ...work.state,
        remoteEphemeral: bytes,
        symmetric: mixHash(work.noise, work.state.symmetric, bytes),
      };
      return null;
    case "s": {
      const remoteStatic = decrypt(work, bytes);
      if (remoteStatic === null) return "decrypt";
      work.state = { ...work.state, remoteStatic };
      return null;
    }
    case "f":
      return readKem(work, bytes);
    case "ee":
    case "es":
    case "se":
    case "ss":
    case "ff":
      return mix(work, token);
    default:
      return absurd(token);
  }
};

const readKem = (work: Work, bytes: Uint8Array): HandshakeFailure | null => {
  const received = decrypt(work, bytes);
  if (received === null) return "decrypt";
  const { kem } = work.state;
  if (kem.type === "none") {
    work.state = { ...work.state, kem: { type: "offered", publicKey: received } };
    return null;
  }
  invariant(kem.type === "generated", "f answers f");
  const secret = work.noise.suite.kem.decapsulate(kem.privateKey, received);
  if (secret === null) return "kem";
  work.consumed.push(kem.privateKey);
  work.state = { ...work.state, kem: { type: "shared", secret } };
  return null;
};

/** MixKey of a Diffie-Hellman result or of the KEM's secret. */
const mix = (work: Work, token: "ee" | "es" | "se" | "ss" | "ff"): HandshakeFailure | null => {
  const { state } = work;
  if (token === "ff") {
    invariant(state.kem.type === "shared", "ff follows f");
    mixIn(work, state.kem.secret);
    work.consumed.push(state.kem.secret);
    work.state = { ...work.state, kem: { type: "none" } };
    return null;
  }
  const [own, theirs] = state.role === "initiator" ? [token[0], token[1]] : [token[1], token[0]];
  const privateKey = own === "e" ? state.ephemeralPrivate : state.staticPrivate;
  const publicKey = theirs === "e" ? state.remoteEphemeral : state.remoteStatic;
  const shared = work.noise.suite.x25519(known(privateKey), known(publicKey));
  if (shared === null) return "point";
  mixIn(work, shared);
  wipe(shared);
  return null;
};

const mixIn = (work: Work, material: Uint8Array): void => {
  work.consumed.push(...symmetricSecrets(work.state.symmetric));
  work.state = { ...work.state, symmetric: mixKey(work.noise, work.state.symmetric, material) };
};

const encrypt = (work: Work, plaintext: Uint8Array): Uint8Array => {
  const { symmetric, bytes } = encryptAndHash(work.noise, work.state.symmetric, plaintext);
  work.state = { ...work.state, symmetric };
  return bytes;
};

const decrypt = (work: Work, ciphertext: Uint8Array): Uint8Array | null => {
  const opened = decryptAndHash(work.noise, work.state.symmetric, ciphertext);
  if (opened === null) return null;
  work.state = { ...work.state, symmetric: opened.symmetric };
  return opened.bytes;
};

const finish = ({ noise, state, consumed }: Work, bytes: Uint8Array): Turn => {
  const turn = state.turn + 1;
  if (turn < state.pattern.messages.length) {
    return { next: { type: "handshake", state: { ...state, turn } }, bytes, consumed };
  }
  const [first, second] = split(noise, state.symmetric);
  const [send, receive] = state.role === "initiator" ? [first, second] : [second, first];
  const transport: Transport = { send, receive, handshakeHash: state.symmetric.hash, remoteStatic: state.remoteStatic };
  return { next: { type: "transport", transport }, bytes, consumed: [...consumed, ...handshakeSecrets(state)] };
};

const known = (key: Uint8Array | null): Uint8Array => {
  invariant(key !== null, "the pattern's order provides every key");
  return key;
};
