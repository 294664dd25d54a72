/**
 * Replicated spools as an application uses them (drafts/dspool.rst §6 to §8): created on several Providers, written
 * to and read from at any of them. Messages are encrypted to the readers. What replicas answer is checked: receipts by
 * the replica's signature, items by the replica's and the author's, and that nothing is missing between them.
 *
 *     const spools = replicatedSpoolsOf({ client, suite, clock });
 *     const { admin, write, read } = await spools.create(["provider1", "provider2", "provider3"]);
 *     const [first, second] = write.replicas;
 *     await spools.append(write, first, spools.prepare(write, 0, message));
 *     const { messages } = await spools.read(read, second);
 *     await spools.append(read, first, spools.prepareRemoval(read, 0, { message: messages[0].id }));
 *     const { sequence } = await spools.members(admin, first);
 *     const [grant] = spools.prepareChanges(admin, sequence, [{ type: "add", role: "dataWriters", key }]);
 *     for (const replica of admin.replicas) await spools.append(admin, replica, grant);
 *     await spools.purge(admin, first);
 *
 * Calls reject with a ClientError where the network did not answer, and with a SpoolError where the replica said no or
 * lied (status `altered`, `gap`, `duplicate`, `rollback`, `fork`: turn to another replica).
 *
 * @module
 */
import { equal } from "../core/bytes.ts";
import { E } from "../core/fp.ts";
import { type Audit, newAudit } from "../core/spool/audit.ts";
import { creation, type ReplicaDescriptor, type Roles } from "../core/spool/durable.ts";
import { open, seal, sealedOverhead } from "../core/spool/encrypted.ts";
import { setNames } from "../core/spool/permissioned.ts";
import type { Receipt } from "../core/spool/receipts.ts";
import { bodyLengthMax } from "../core/spool/replica_types.ts";
import { spoolGeometry } from "../core/spool/service_types.ts";
import type { SetOperation } from "../core/spool/set.ts";
import { contentId, signWrite, type SpoolIndex } from "../core/spool/write.ts";
import { type Geometry, katzenpostGeometry } from "../core/sphinx/geometry.ts";
import type { CallOptions } from "./client_api.ts";
import { createAsking, entropy, type Prepared, type ReplicatedClientOptions } from "./replicated_asking.ts";
import {
  type Granted,
  keysOf,
  type Members,
  operationWrites,
  readMembers,
  type Removal,
  removalWrite,
} from "./replicated_members.ts";
import { newSigningKey, presentEpoch, SpoolError } from "./spool_client.ts";

export type { Granted, Members, Prepared, Removal, ReplicatedClientOptions };

/** What everybody who uses a replicated spool has to know. */
export interface ReplicatedPlace {
  /** The root key's public half, 32 bytes. */
  readonly spool: Uint8Array;
  readonly replicas: ReadonlyArray<ReplicaDescriptor>;
}

export interface ReplicatedWriter extends ReplicatedPlace {
  /** Ed25519, 64 bytes. */
  readonly writeKey: Uint8Array;
  /** X25519 keys that messages are encrypted to. */
  readonly encryptTo: ReadonlyArray<Uint8Array>;
  /** Those that they are not encrypted to any more, whatever a replica says. */
  readonly retired: ReadonlyArray<Uint8Array>;
}

export interface ReplicatedReader extends ReplicatedPlace {
  /** Ed25519, 64 bytes: a canonical reader's also removes messages. */
  readonly readKey: Uint8Array;
  /** X25519 scalar, 32 bytes. */
  readonly decryptionKey: Uint8Array;
}

/** Gives and takes roles. */
export interface ReplicatedAdmin extends ReplicatedPlace {
  /** Ed25519, 64 bytes: a meta writer's. The root key is the first one, and may have the spool deleted. */
  readonly adminKey: Uint8Array;
}

export interface NewReplicated {
  /** With the root key. */
  readonly admin: ReplicatedAdmin;
  readonly write: ReplicatedWriter;
  readonly read: ReplicatedReader;
}

export interface ReadMessage {
  /** Content id: 64 hexadecimal digits, the same at every replica. */
  readonly id: string;
  /** Null where it was removed or is too old, or is not encrypted to the reader. */
  readonly message: Uint8Array | null;
  readonly author: Uint8Array;
}

export interface ReadResult {
  readonly messages: ReadonlyArray<ReadMessage>;
  /** Where the next read goes on, at any replica; null while there was nothing. */
  readonly position: SpoolIndex | null;
  /** Has the replica more? */
  readonly hasMore: boolean;
  /** What the replica has signed so far. */
  readonly audit: Audit;
}

export interface ReadFrom extends CallOptions {
  readonly after?: SpoolIndex | null;
  /** What replicas were seen to sign before, by a reader that remembers. */
  readonly audit?: Audit;
}

export interface Change extends Granted {
  readonly type: "add" | "remove";
}

export interface ReplicatedSpools {
  /** Of a message of a spool with one reader: 48,078 bytes less the encryption's. */
  readonly messageLengthMax: number;
  /** Asks each Provider for a replica, then writes to the meta spool who the replicas are and who has which role. */
  readonly create: (
    providers: ReadonlyArray<string>,
    options?: CallOptions & { readonly capability?: string },
  ) => Promise<NewReplicated>;
  /** A message. `sequence`: 0 to 16,383, another for each message of this writer. */
  readonly prepare: (spool: ReplicatedWriter, sequence: number, message: Uint8Array) => Prepared;
  /** A tombstone by a canonical reader. `sequence`: another for each of this reader. */
  readonly prepareRemoval: (spool: ReplicatedReader, sequence: number, removal: Removal) => Prepared;
  /**
   * Roles given and taken. What was taken from a key never comes back to it. `sequence`: of the first, another for each
   * of this key; say each of them to every replica.
   */
  readonly prepareChanges: (
    spool: ReplicatedAdmin,
    sequence: number,
    changes: ReadonlyArray<Change>,
  ) => ReadonlyArray<Prepared>;
  /** Adds what is prepared at one replica; checked receipts of all that are known to hold it, that one's among them. */
  readonly append: (
    spool: ReplicatedPlace,
    replica: ReplicaDescriptor,
    prepared: Prepared,
    options?: CallOptions,
  ) => Promise<ReadonlyArray<Receipt>>;
  /** What one replica has after a position. */
  readonly read: (spool: ReplicatedReader, replica: ReplicaDescriptor, options?: ReadFrom) => Promise<ReadResult>;
  /** Who may do what, as one replica has it: for admins, writers and readers. */
  readonly members: (
    spool: ReplicatedAdmin | ReplicatedWriter | ReplicatedReader,
    replica: ReplicaDescriptor,
    options?: CallOptions,
  ) => Promise<Members>;
  /** Has a replica deleted for good: only by the root key. The others do it once they hear of it from that one. */
  readonly purge: (spool: ReplicatedAdmin, replica: ReplicaDescriptor, options?: CallOptions) => Promise<void>;
}

const defaultCapability = "spool";

/** The replica at a Provider, of those that a spool has; undefined for none. */
export const replicaAt = ({ replicas }: ReplicatedPlace, provider: string): ReplicaDescriptor | undefined =>
  replicas.find(({ addresses }) => addresses.some((address) => address.endsWith(`@${provider.toLowerCase()}`)));

const isAmong = (keys: ReadonlyArray<Uint8Array>) => (key: Uint8Array): boolean => keys.some((one) => equal(one, key));
const union = (a: ReadonlyArray<Uint8Array>, b: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => [
  ...a,
  ...b.filter((key) => !isAmong(a)(key)),
];

/**
 * A writer with what a replica knows of the readers. A replica may hold back the end of what it knows:
 * so no key is lost, and none that was retired comes back.
 */
export const refreshed = (spool: ReplicatedWriter, members: Members): ReplicatedWriter => {
  const retired = union(spool.retired, members.retired);
  const encryptTo = union(spool.encryptTo, keysOf(members, "dataEncryption")).filter((key) => !isAmong(retired)(key));
  return { ...spool, encryptTo, retired };
};

const keyOf = (spool: ReplicatedAdmin | ReplicatedWriter | ReplicatedReader): Uint8Array =>
  "adminKey" in spool ? spool.adminKey : "writeKey" in spool ? spool.writeKey : spool.readKey;

/** The replicated spool operations of a client. */
export const replicatedSpoolsOf = (options: ReplicatedClientOptions): ReplicatedSpools => {
  const { suite, clock } = options;
  const geometry: Geometry = options.geometry ?? katzenpostGeometry;
  const bodyMax = bodyLengthMax(spoolGeometry(geometry).requestLengthMax);
  const asking = createAsking(options);

  /** Who the replicas are is written to each of them, roles to the first, from which the others have them (§8.1). */
  const found = async (
    rootKey: Uint8Array,
    replicas: ReadonlyArray<ReplicaDescriptor>,
    roles: Roles,
    call: CallOptions,
  ): Promise<void> => {
    const spool = rootKey.subarray(32);
    const writes = operationWrites(suite, clock, spool, rootKey, 0, creation(replicas, roles));
    const adds = replicas.flatMap((replica, index) =>
      writes.slice(0, index === 0 ? writes.length : replicas.length).map((prepared) => ({ replica, prepared }))
    );
    await Promise.all(
      adds.map(({ replica, prepared }) => asking.insist(() => asking.add(spool, replica, prepared, call))),
    );
  };

  const create: ReplicatedSpools["create"] = async (providers, { capability = defaultCapability, ...call } = {}) => {
    const [rootKey, writeKey, readKey] = [newSigningKey(suite), newSigningKey(suite), newSigningKey(suite)];
    const decryptionKey = entropy.bytes(32);
    const encryptTo = [suite.x25519Public(decryptionKey)];
    const names = providers.map((name) => name.toLowerCase());
    const replicas = await Promise.all(
      names.map((provider) => asking.insist(() => asking.host(rootKey, provider, capability, call))),
    );
    const roles = {
      // Who writes has to know whom to encrypt to.
      metaReaders: [writeKey.slice(32), readKey.slice(32)],
      dataWriters: [writeKey.slice(32)],
      canonicalReaders: [readKey.slice(32)],
      dataEncryption: encryptTo,
    };
    await found(rootKey, replicas, roles, call);
    const place: ReplicatedPlace = { spool: rootKey.slice(32), replicas };
    return {
      admin: { ...place, adminKey: rootKey },
      write: { ...place, writeKey, encryptTo, retired: [] },
      read: { ...place, readKey, decryptionKey },
    };
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
    const answer = await asking.read(spool, readKey, replica, "data", {
      ...call,
      after,
      audit: audit ?? newAudit(spool),
    });
    const messages = answer.items.filter(({ write }) => write.kind === "message").map((
      { write, body },
    ): ReadMessage => ({
      id: contentId(suite, spool, write),
      message: body === null ? null : open(suite, spool, decryptionKey, body),
      author: write.author,
    }));
    const { position, audit: seen, items, head } = answer;
    const hasMore = items.length > 0 && items.at(-1)!.header.index + 1 < head.length;
    return { messages, position, hasMore, audit: seen };
  };

  const operationOf = ({ type, role, key }: Change): SetOperation => ({ type, set: setNames[role], item: key });

  return {
    messageLengthMax: bodyMax - sealedOverhead(1),
    create,
    prepare,
    prepareRemoval: ({ spool, readKey }, sequence, removal) =>
      removalWrite(suite, clock, spool, readKey, sequence, removal),
    prepareChanges: ({ spool, adminKey }, sequence, changes) =>
      operationWrites(suite, clock, spool, adminKey, sequence, changes.map(operationOf)),
    append: (spool, replica, prepared, call = {}) => asking.add(spool.spool, replica, prepared, call),
    read,
    members: (spool, replica, call = {}) => readMembers(suite, asking, spool.spool, keyOf(spool), replica, call),
    purge: ({ adminKey }, replica, call = {}) => asking.purge(adminKey, replica, call),
  };
};
