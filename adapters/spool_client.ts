/**
 * Spools as an application uses them: spools of one Provider, of version 2 or memspool's version 1 (wire facts §8.4).
 * Replicated ones are in replicated_client.ts.
 *
 *     const spools = spoolsOf({ client, suite, clock });
 *     const spool = await spools.create("provider3");
 *     const { messageId } = await spools.append(spool.write, message);
 *     const { message } = await spools.read(spool.read, messageId);
 *
 * Every operation is idempotent: what brought no answer may be asked again. Calls reject with a ClientError where the
 * network did not answer, and with a SpoolError where the service said no.
 *
 * @module
 */
import { concat } from "../core/bytes.ts";
import type { Suite } from "../core/crypto/suite.ts";
import { epochAt, type EpochClock } from "../core/pki/epoch.ts";
import { wall } from "../core/machine.ts";
import { trimZeros } from "../core/provider/user_name.ts";
import {
  decodeMemspoolResponse,
  encodeMemspoolRequest,
  type MemspoolRequest,
  noSpool,
  signMemspool,
} from "../core/spool/memspool.ts";
import { type SpoolGeometry, spoolGeometry, type SpoolStatus, type WireVersion } from "../core/spool/service_types.ts";
import { decodeResponse2, encodeRequest2, signRequest2, type SpoolRequest2 } from "../core/spool/service_wire.ts";
import { type Geometry, katzenpostGeometry } from "../core/sphinx/geometry.ts";
import type { CallOptions, MixClient } from "./client_api.ts";
import { fillRandom } from "./entropy.ts";

/** What the service answered instead of what was asked for: a SpoolStatus, or memspool's text. */
export class SpoolError extends Error {
  override readonly name = "SpoolError";
  readonly status: string;
  constructor(status: string) {
    super(`the spool service said: ${status}`);
    this.status = status;
  }
}

/** Where a spool is. */
export interface SpoolPlace {
  readonly version: WireVersion;
  readonly provider: string;
  /** What clients look for at the Provider: `spool`. */
  readonly capability: string;
  /** 12 bytes. */
  readonly id: Uint8Array;
}

/** Who holds it may append. */
export interface SpoolWriter extends SpoolPlace {
  /** Ed25519, 64 bytes; null in version 1, where the id is all it takes. */
  readonly writeKey: Uint8Array | null;
}

/** Who holds it may read and purge. */
export interface SpoolReader extends SpoolPlace {
  /** Ed25519, 64 bytes. */
  readonly ownerKey: Uint8Array;
}

export interface NewSpool {
  readonly write: SpoolWriter;
  readonly read: SpoolReader;
}

export interface CreateOptions extends CallOptions {
  /** Default 2. */
  readonly version?: WireVersion;
  readonly capability?: string;
}

export interface Spools {
  /** At most 50,467 bytes. */
  readonly messageLengthMax: number;
  readonly create: (provider: string, options?: CreateOptions) => Promise<NewSpool>;
  /** Version 1 does not tell the id: 0. */
  readonly append: (
    spool: SpoolWriter,
    message: Uint8Array,
    options?: CallOptions,
  ) => Promise<{ readonly messageId: number }>;
  /** Null where there is no message of that id: not yet, or no longer. */
  readonly read: (spool: SpoolReader, messageId: number, options?: CallOptions) => Promise<Uint8Array | null>;
  readonly purge: (spool: SpoolReader, options?: CallOptions) => Promise<void>;
}

export interface SpoolClientOptions {
  readonly client: Pick<MixClient, "query">;
  readonly suite: Suite;
  /** The network's. */
  readonly clock: EpochClock;
  readonly geometry?: Geometry;
}

/** A new Ed25519 key of 64 bytes. */
export const newSigningKey = (suite: Suite): Uint8Array => {
  const seed = new Uint8Array(32);
  fillRandom(seed);
  return concat(seed, suite.ed25519Public(seed));
};

/** The present epoch of a network. */
export const presentEpoch = (clock: EpochClock): number => epochAt(clock, wall(Date.now())).epoch;

const defaultCapability = "spool";
const noBytes = new Uint8Array(0);
/** memspool's text for a message that is not there. */
const notFound1 = /^message ID \d+ not found$/;

type Command2 = Pick<SpoolRequest2, "command" | "messageId" | "message">;
type Ask = (
  place: Pick<SpoolPlace, "provider" | "capability">,
  bytes: Uint8Array,
  options: CallOptions,
) => Promise<Uint8Array>;

/** Version 2. */
const ask2 = async (
  { suite, clock }: SpoolClientOptions,
  geometry: SpoolGeometry,
  ask: Ask,
  place: SpoolPlace,
  key: Uint8Array,
  command: Command2,
  options: CallOptions,
) => {
  const signed = signRequest2(suite, key, { ...command, spool: place.id, epoch: presentEpoch(clock) });
  const response = decodeResponse2(geometry, await ask(place, encodeRequest2(geometry, signed), options));
  if (response === null || response.command !== command.command) throw new SpoolError("malformed");
  if (response.status === ("ok" satisfies SpoolStatus)) return response;
  throw new SpoolError(response.status);
};

/** Version 1. */
const ask1 = async (
  ask: Ask,
  place: SpoolPlace,
  request: Partial<MemspoolRequest> & Pick<MemspoolRequest, "command">,
  options: CallOptions,
) => {
  const empty = { message: noBytes, messageId: 0, publicKey: noBytes, signature: noBytes, spool: place.id };
  const bytes = encodeMemspoolRequest({ ...empty, ...request });
  // The last of a response is its status, which is text: the zeros behind it are the packet's.
  const response = decodeMemspoolResponse(trimZeros(await ask(place, bytes, options)));
  if (response === null) throw new SpoolError("malformed");
  if (response.status === "OK") return response;
  throw new SpoolError(response.status);
};

const signed1 = (suite: Suite, key: Uint8Array) => ({
  publicKey: key.subarray(32),
  signature: signMemspool(suite, key),
});

const isMissing = (error: unknown): boolean =>
  error instanceof SpoolError && (error.status === "not-found" || notFound1.test(error.status));

/** The spool operations of a client. */
export const spoolsOf = (options: SpoolClientOptions): Spools => {
  const { suite, client } = options;
  const geometry = spoolGeometry(options.geometry ?? katzenpostGeometry);
  const ask: Ask = async ({ provider, capability }, bytes, callOptions) => {
    const target = { type: "Service", capability, provider } as const;
    return (await client.query(target, bytes, { ...callOptions, lengthPrefix: true })).payload;
  };
  const two = (place: SpoolPlace, key: Uint8Array, command: Command2, callOptions: CallOptions) =>
    ask2(options, geometry, ask, place, key, command, callOptions);

  const create: Spools["create"] = async (provider, { version = 2, capability = defaultCapability, signal } = {}) => {
    const ownerKey = newSigningKey(suite);
    const writeKey = version === 2 ? newSigningKey(suite) : null;
    const place: SpoolPlace = { version, provider, capability, id: noSpool() };
    const call = signal === undefined ? {} : { signal };
    const { spool: id } = writeKey === null
      ? await ask1(ask, place, { command: "create", ...signed1(suite, ownerKey) }, call)
      : await two(place, ownerKey, { command: "create", messageId: 0, message: writeKey.slice(32) }, call);
    return { write: { ...place, id, writeKey }, read: { ...place, id, ownerKey } };
  };

  const append: Spools["append"] = async (spool, message, call = {}) => {
    if (message.length > geometry.messageLengthMax) throw new SpoolError("too-long");
    if (spool.writeKey !== null) {
      const { messageId } = await two(spool, spool.writeKey, { command: "append", messageId: 0, message }, call);
      return { messageId };
    }
    await ask1(ask, spool, { command: "append", message }, call);
    return { messageId: 0 };
  };

  const retrieve = async (spool: SpoolReader, messageId: number, call: CallOptions): Promise<Uint8Array> => {
    if (spool.version === 2) {
      return (await two(spool, spool.ownerKey, { command: "retrieve", messageId, message: noBytes }, call)).message;
    }
    const request = { command: "retrieve", messageId, ...signed1(suite, spool.ownerKey) } as const;
    return (await ask1(ask, spool, request, call)).message ?? noBytes;
  };

  return {
    messageLengthMax: geometry.messageLengthMax,
    create,
    append,
    read: (spool, messageId, call = {}) =>
      retrieve(spool, messageId, call).catch((error) => {
        if (isMissing(error)) return null;
        throw error;
      }),
    purge: async (spool, call = {}) => {
      if (spool.version === 2) {
        await two(spool, spool.ownerKey, { command: "purge", messageId: 0, message: noBytes }, call);
      } else await ask1(ask, spool, { command: "purge", ...signed1(suite, spool.ownerKey) }, call);
    },
  };
};
