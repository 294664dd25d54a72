/**
 * Who may do what with a replicated spool, and for how long (drafts/dspool.rst §6.1, §8.2): reading the meta spool,
 * giving and taking roles, deleting messages, deleting the spool.
 *
 * What somebody may do follows from one replica's meta spool, which the replica may hold back the end of. So an
 * operation is said to every replica that can be reached, not to one.
 *
 * @module
 */
import type { Suite } from "../core/crypto/suite.ts";
import { E } from "../core/fp.ts";
import type { EpochClock } from "../core/pki/epoch.ts";
import { newAudit } from "../core/spool/audit.ts";
import { type ReplicaDescriptor, replicasOf, type RoleName, roleNames } from "../core/spool/durable.ts";
import { accept, newPermissioned, nextSequence, type PermissionedSpool, setNames } from "../core/spool/permissioned.ts";
import { collectionLength, encodeOperation, placedItems, removedFrom, type SetOperation } from "../core/spool/set.ts";
import { encodeRemoval, encodeTombstone, encodeWrite, signWrite, type SpoolIndex } from "../core/spool/write.ts";
import type { CallOptions } from "./client_api.ts";
import type { Asking, Prepared } from "./replicated_asking.ts";
import { presentEpoch, SpoolError } from "./spool_client.ts";

export interface Granted {
  readonly role: RoleName;
  /** Ed25519; of the role `dataEncryption` X25519. */
  readonly key: Uint8Array;
}

/** As one replica has it. */
export interface Members {
  /** In the order in which the roles were given: the root key's first. */
  readonly granted: ReadonlyArray<Granted>;
  readonly replicas: ReadonlyArray<ReplicaDescriptor>;
  /** Keys that messages were encrypted to, and are not to be again. */
  readonly retired: ReadonlyArray<Uint8Array>;
  /** The number of the next operation of the key that has asked. */
  readonly sequence: number;
}

export const keysOf = ({ granted }: Members, role: RoleName): ReadonlyArray<Uint8Array> =>
  granted.filter((one) => one.role === role).map(({ key }) => key);

/** All messages up to a position, but for the one at it; or one message, by its id. */
export type Removal = { readonly before: SpoolIndex } | { readonly message: string };

/** By a 64-byte key that reads the meta spool. */
export const readMembers = async (
  suite: Suite,
  asking: Asking,
  spool: Uint8Array,
  key: Uint8Array,
  replica: ReplicaDescriptor,
  call: CallOptions,
): Promise<Members> => {
  let copy = newPermissioned(spool, replica.key);
  let [after, audit]: [SpoolIndex | null, ReturnType<typeof newAudit>] = [null, newAudit(spool)];
  for (;;) {
    const answer = await asking.read(spool, key, replica, "meta", { ...call, after, audit });
    for (const { header, write } of answer.items) {
      const accepted = accept(suite, copy, { header, message: encodeWrite(write) });
      // Honest replicas have no entry that their own roles forbid.
      if (E.isLeft(accepted)) throw new SpoolError("altered");
      copy = accepted.right;
    }
    ({ position: after, audit } = answer);
    if (collectionLength(copy.meta) >= answer.head.length) return membersOf(copy, key);
    if (answer.items.length === 0) throw new SpoolError("gap");
  }
};

const membersOf = (copy: PermissionedSpool, key: Uint8Array): Members => {
  const { sets } = copy.meta;
  const granted = roleNames.flatMap((role) =>
    placedItems(sets, setNames[role]).map(({ item: key, index }) => ({ role, key, index }))
  );
  return {
    granted: granted.sort((a, b) => a.index - b.index).map(({ role, key }) => ({ role, key })),
    replicas: replicasOf(copy),
    retired: removedFrom(sets, setNames.dataEncryption),
    sequence: nextSequence(copy, "meta", key.subarray(32)),
  };
};

/** Operations on the meta spool by a 64-byte key, which are the same writes wherever they are added. */
export const operationWrites = (
  suite: Suite,
  clock: EpochClock,
  spool: Uint8Array,
  key: Uint8Array,
  first: number,
  operations: ReadonlyArray<SetOperation>,
): ReadonlyArray<Prepared> => {
  const epoch = presentEpoch(clock);
  return operations.map((operation, at) => ({
    write: signWrite(suite, key, spool, { kind: "meta", sequence: first + at, epoch }, encodeOperation(operation)),
    body: null,
  }));
};

/** A tombstone by a canonical reader's 64-byte key. */
export const removalWrite = (
  suite: Suite,
  clock: EpochClock,
  spool: Uint8Array,
  key: Uint8Array,
  sequence: number,
  removal: Removal,
): Prepared => {
  const about = { kind: "tombstone", sequence, epoch: presentEpoch(clock) } as const;
  const body = "before" in removal ? encodeTombstone(removal.before) : encodeRemoval(removal.message);
  return { write: signWrite(suite, key, spool, about, body), body: null };
};
