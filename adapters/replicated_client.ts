/**
 * Replicated spools as an application uses them (drafts/dspool.rst §6 to §8): created on several Providers, written
 * to and read from at any of them. Messages are encrypted to the readers. What replicas answer is checked: receipts by
 * the replica's signature, items by the replica's and the author's, and that nothing is missing between them.
 *
 * Calls reject with a ClientError where the network did not answer, and with a SpoolError where the replica said no or
 * lied (status `altered`, `gap`, `duplicate`, `rollback`, `fork`: turn to another replica).
 *
 * @module
 */
import { equal } from "../core/bytes.ts";
import { E } from "../core/fp.ts";
import { exponentialMs } from "../core/random.ts";
import { type Audit, newAudit, observeAnswer, observeReceipt, type ReadItem } from "../core/spool/audit.ts";
import { creation, type ReplicaDescriptor, type Roles } from "../core/spool/durable.ts";
import { open, seal, sealedOverhead } from "../core/spool/encrypted.ts";
import { decodeHosted, encodeHost, signHost, unframed } from "../core/spool/hosting_wire.ts";
import { signRead } from "../core/spool/read.ts";
import type { Receipt } from "../core/spool/receipts.ts";
import { bodyLengthMax } from "../core/spool/replica_types.ts";
import { decodeReply, encodeRequest, type Reply, type Request, type SyncItem } from "../core/spool/replica_wire.ts";
import { spoolGeometry } from "../core/spool/service_types.ts";
import { encodeOperation, type SetOperation } from "../core/spool/set.ts";
import { decodeWrite, signWrite, type SpoolIndex, type Write } from "../core/spool/write.ts";
import { type Geometry, katzenpostGeometry } from "../core/sphinx/geometry.ts";
import { type CallOptions, ClientError, type MixClient } from "./client_api.ts";
import { fillRandom } from "./entropy.ts";
import { newSigningKey, presentEpoch, type SpoolClientOptions, SpoolError } from "./spool_client.ts";

/** What everybody who uses a replicated spool has to know. */
export interface ReplicatedPlace {
  /** The root key's public half, 32 bytes. */
  readonly spool: Uint8Array;
  readonly replicas: ReadonlyArray<ReplicaDescriptor>;
  /** X25519 keys that messages are encrypted to. */
  readonly encryptTo: ReadonlyArray<Uint8Array>;
}

export interface ReplicatedWriter extends ReplicatedPlace {
  /** Ed25519, 64 bytes. */
  readonly writeKey: Uint8Array;
}

export interface ReplicatedReader extends ReplicatedPlace {
  /** Ed25519, 64 bytes: a canonical reader's, which may also forget. */
  readonly readKey: Uint8Array;
  /** X25519 scalar, 32 bytes. */
  readonly decryptionKey: Uint8Array;
}

export interface NewReplicated {
  /** Ed25519, 64 bytes: gives and takes roles. */
  readonly rootKey: Uint8Array;
  readonly write: ReplicatedWriter;
  readonly read: ReplicatedReader;
}

/** A message ready to be added, anywhere and more than once: it stays the same message. */
export interface Prepared {
  readonly write: Write;
  readonly body: Uint8Array;
}

export interface ReadMessage {
  /** Null where it was forgotten, or is not encrypted to the reader. */
  readonly message: Uint8Array | null;
  readonly author: Uint8Array;
}

export interface ReadResult {
  readonly messages: ReadonlyArray<ReadMessage>;
  /** Where the next read goes on, at any replica; null while there was nothing. */
  readonly position: SpoolIndex | null;
  /** What the replica has signed so far. */
  readonly audit: Audit;
}

export interface ReadFrom extends CallOptions {
  readonly after?: SpoolIndex | null;
  /** What replicas were seen to sign before, by a reader that remembers. */
  readonly audit?: Audit;
}

export interface ReplicatedSpools {
  /** Of a message of a spool with one reader: 48,078 bytes less the encryption's. */
  readonly messageLengthMax: number;
  /** Asks each Provider for a replica, then writes to the meta spool who the replicas are and who has which role. */
  readonly create: (
    providers: ReadonlyArray<string>,
    options?: CallOptions & { readonly capability?: string },
  ) => Promise<NewReplicated>;
  /** `sequence`: 0 to 16,383, another for each message of this writer. */
  readonly prepare: (spool: ReplicatedWriter, sequence: number, message: Uint8Array) => Prepared;
  /** Adds a message at one replica; the checked receipts of all that are known to hold it, that one's among them. */
  readonly append: (
    spool: ReplicatedWriter,
    replica: ReplicaDescriptor,
    prepared: Prepared,
    options?: CallOptions,
  ) => Promise<ReadonlyArray<Receipt>>;
  /** What one replica has after a position. */
  readonly read: (spool: ReplicatedReader, replica: ReplicaDescriptor, options?: ReadFrom) => Promise<ReadResult>;
}

const readLimit = 64;
const defaultCapability = "spool";
/** A replica that has just started reads its store, and one that many ask has a full queue: it is asked again. */
const busyAttempts = 5;
/** Whoever loses a request must not foretell when it comes again (specs/kaetzchen.rst §5): drawn, with this mean. */
const againMeanMs = 500;
/** What was lost comes again one after the other, at this distance (specs/end_to_end.rst §4). */
const lostApartMs = 3_000;
const creationAttempts = 8;

/** The replica at a Provider, of those that a spool has; undefined for none. */
export const replicaAt = ({ replicas }: ReplicatedPlace, provider: string): ReplicaDescriptor | undefined =>
  replicas.find(({ addresses }) => addresses.some((address) => address.endsWith(`@${provider.toLowerCase()}`)));

const mixAddress = ({ addresses }: ReplicaDescriptor) => {
  const address = addresses.find((one) => one.includes("@")) ?? "";
  const at = address.lastIndexOf("@");
  return { type: "Recipient", recipient: address.slice(0, at), provider: address.slice(at + 1) } as const;
};

const entropy = {
  bytes: (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    fillRandom(bytes);
    return bytes;
  },
};

const drawnPauseMs = (): number => exponentialMs(entropy, 1 / againMeanMs, 0);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Why a request may as well have been lost: it is idempotent, and made again. */
const lost: ReadonlySet<string> = new Set(["timeout", "not-sent", "queue-full", "no-path"]);

const itemOf = ({ entry, body }: SyncItem): ReadItem | null => {
  const write = decodeWrite(entry.message);
  return write === null ? null : { header: entry.header, write, body };
};

export interface ReplicatedClientOptions extends SpoolClientOptions {
  readonly client: Pick<MixClient, "query" | "document">;
}

type Expected<T extends Reply["type"]> = Extract<Reply, { readonly type: T }>;

/** The replicated spool operations of a client. */
export const replicatedSpoolsOf = (options: ReplicatedClientOptions): ReplicatedSpools => {
  const { client, suite, clock } = options;
  const geometry: Geometry = options.geometry ?? katzenpostGeometry;
  const bodyMax = bodyLengthMax(spoolGeometry(geometry).requestLengthMax);

  let freeAt = 0;

  /** Creation is many requests: one that is lost does not undo the others. */
  const insist = async <A>(attempt: () => Promise<A>): Promise<A> => {
    for (let made = 1;; made++) {
      try {
        return await attempt();
      } catch (error) {
        if (made >= creationAttempts || !(error instanceof ClientError) || !lost.has(error.code)) throw error;
        const now = performance.now();
        freeAt = Math.max(now, freeAt) + lostApartMs + drawnPauseMs();
        await pause(freeAt - now);
      }
    }
  };

  const askOnce = async (replica: ReplicaDescriptor, request: Request, call: CallOptions): Promise<Reply> => {
    const { payload } = await client.query(mixAddress(replica), encodeRequest(request), {
      ...call,
      lengthPrefix: true,
    });
    const bytes = unframed(payload);
    const reply = bytes === null ? null : decodeReply(bytes);
    if (reply === null) throw new SpoolError("malformed");
    return reply;
  };

  const ask = async <T extends "added" | "items">(
    replica: ReplicaDescriptor,
    request: Request,
    expected: T,
    call: CallOptions,
  ): Promise<Expected<T>> => {
    let reply = await askOnce(replica, request, call);
    for (let attempt = 1; reply.status === "busy" && attempt < busyAttempts; attempt++) {
      await pause(drawnPauseMs());
      reply = await askOnce(replica, request, call);
    }
    if (reply.status !== "ok" || reply.type !== expected) throw new SpoolError(reply.status);
    return reply as Expected<T>;
  };

  /** The service's endpoint at a Provider, and the direct link that it offers other replicas, if any. */
  const serviceAt = (provider: string, capability: string): { readonly recipient: string; readonly link: string[] } => {
    const found = client.document()?.providers.find(({ name }) => name === provider)?.kaetzchen?.get(capability);
    const [recipient, link] = [found?.get("endpoint"), found?.get("link")];
    if (typeof recipient !== "string") throw new SpoolError(`no service ${capability} at ${provider}`);
    return { recipient, link: typeof link === "string" ? [link] : [] };
  };

  const host = async (
    rootKey: Uint8Array,
    provider: string,
    capability: string,
    call: CallOptions,
  ): Promise<ReplicaDescriptor> => {
    const { recipient, link } = serviceAt(provider, capability);
    const request = encodeHost(signHost(suite, rootKey, presentEpoch(clock)));
    const target = { type: "Recipient", recipient, provider } as const;
    const bytes = unframed((await client.query(target, request, { ...call, lengthPrefix: true })).payload);
    const hosted = bytes === null ? null : decodeHosted(bytes);
    if (hosted?.status !== "ok" || hosted.key === null) throw new SpoolError(hosted?.status ?? "malformed");
    return { key: hosted.key, addresses: [`${recipient}@${provider}`, ...link] };
  };

  const addChecked = async (
    spool: Uint8Array,
    replica: ReplicaDescriptor,
    { write, body }: { readonly write: Write; readonly body: Uint8Array | null },
    call: CallOptions,
  ): Promise<ReadonlyArray<Receipt>> => {
    const { receipts } = await ask(replica, { type: "add", spool, write, body }, "added", call);
    const checked = receipts.filter((receipt) =>
      observeReceipt(suite, newAudit(spool), write, receipt).finding === null
    );
    if (!checked.some((receipt) => equal(receipt.replica, replica.key))) throw new SpoolError("altered");
    return checked;
  };

  /** Operations by the root key, which are the same write wherever they are added. */
  const metaWrites = (rootKey: Uint8Array, operations: ReadonlyArray<SetOperation>): ReadonlyArray<Write> => {
    const epoch = presentEpoch(clock);
    return operations.map((operation, sequence) =>
      signWrite(suite, rootKey, rootKey.subarray(32), { kind: "meta", sequence, epoch }, encodeOperation(operation))
    );
  };

  /** Who the replicas are is written to each of them, roles to the first, from which the others have them (§8.1). */
  const found = async (
    rootKey: Uint8Array,
    replicas: ReadonlyArray<ReplicaDescriptor>,
    roles: Roles,
    call: CallOptions,
  ): Promise<void> => {
    const writes = metaWrites(rootKey, creation(replicas, roles));
    const adds = replicas.flatMap((replica, index) =>
      writes.slice(0, index === 0 ? writes.length : replicas.length).map((write) => ({ replica, write }))
    );
    await Promise.all(
      adds.map(({ replica, write }) =>
        insist(() => addChecked(rootKey.subarray(32), replica, { write, body: null }, call))
      ),
    );
  };

  const create: ReplicatedSpools["create"] = async (providers, { capability = defaultCapability, ...call } = {}) => {
    const [rootKey, writeKey, readKey] = [newSigningKey(suite), newSigningKey(suite), newSigningKey(suite)];
    const decryptionKey = entropy.bytes(32);
    const encryptTo = [suite.x25519Public(decryptionKey)];
    const names = providers.map((name) => name.toLowerCase());
    const replicas = await Promise.all(
      names.map((provider) => insist(() => host(rootKey, provider, capability, call))),
    );
    const roles = {
      dataWriters: [writeKey.slice(32)],
      dataReaders: [],
      canonicalReaders: [readKey.slice(32)],
      dataEncryption: encryptTo,
    };
    await found(rootKey, replicas, roles, call);
    const place: ReplicatedPlace = { spool: rootKey.slice(32), replicas, encryptTo };
    return { rootKey, write: { ...place, writeKey }, read: { ...place, readKey, decryptionKey } };
  };

  const prepare: ReplicatedSpools["prepare"] = ({ spool, encryptTo, writeKey }, sequence, message) => {
    const sealed = seal(suite, entropy, spool, encryptTo, message);
    if (E.isLeft(sealed)) throw new SpoolError(sealed.left);
    if (sealed.right.length > bodyMax) throw new SpoolError("too-long");
    const about = { kind: "message", sequence, epoch: presentEpoch(clock) } as const;
    return { write: signWrite(suite, writeKey, spool, about, sealed.right), body: sealed.right };
  };

  const read: ReplicatedSpools["read"] = async (reader, replica, { after = null, audit, ...call } = {}) => {
    const { spool, readKey, decryptionKey } = reader;
    const about = { part: "data", after, limit: readLimit, epoch: presentEpoch(clock) } as const;
    const request = signRead(suite, readKey, spool, replica.key, about);
    const { items, head } = await ask(replica, { type: "read", spool, read: request }, "items", call);
    const found = items.map(itemOf);
    if (head === null || found.some((item) => item === null)) throw new SpoolError("altered");
    const answer = { items: found.filter((item) => item !== null), head };
    const observed = observeAnswer(suite, audit ?? newAudit(spool), replica.key, request, answer);
    if (observed.finding !== null) throw new SpoolError(observed.finding);
    const messages = answer.items.filter(({ write }) => write.kind === "message").map((
      { write, body },
    ): ReadMessage => ({
      message: body === null ? null : open(suite, spool, decryptionKey, body),
      author: write.author,
    }));
    const last = answer.items.at(-1)?.header;
    const position = last === undefined
      ? after
      : { replica: replica.key, index: last.index, signature: last.signature };
    return { messages, position, audit: observed.audit };
  };

  return {
    messageLengthMax: bodyMax - sealedOverhead(1),
    create,
    prepare,
    append: (spool, replica, prepared, call = {}) => addChecked(spool.spool, replica, prepared, call),
    read,
  };
};
