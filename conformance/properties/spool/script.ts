/** A spool, its replicas, and writes of which some revoke: what the tests of values are made of. */
import assert from "node:assert/strict";
import { utf8 } from "../../../core/bytes.ts";
import { E, type Either } from "../../../core/fp.ts";
import {
  appendWrite,
  newPermissioned,
  type PermissionedSpool,
  setNames,
  yes,
} from "../../../core/spool/permissioned.ts";
import { type SetOperation } from "../../../core/spool/set.ts";
import { contentId, encodeRemoval, encodeTombstone, type Write } from "../../../core/spool/write.ts";
import { toySuite as suite } from "../../sim/toy_suite.ts";
import { createAuthor, privateKey, publicOf } from "./keys.ts";

export const root = privateKey(suite, "root");
export const spool = publicOf(root);
export const keys = ["r0", "r1", "r2"].map((name) => privateKey(suite, name));
export const name = (part: "data" | "meta" = "data") => ({ spool, key: publicOf(keys[0]!), part });

export const right = <A>(either: Either<unknown, A>): A => {
  assert.equal(E.isRight(either), true, E.isLeft(either) ? String(either.left) : "");
  return (either as { right: A }).right;
};
export const left = <L>(either: Either<L, unknown>): L | null => E.isLeft(either) ? either.left : null;

export const writer = privateKey(suite, "writer");
export const reader = privateKey(suite, "reader");

export const add = (set: Uint8Array, item: Uint8Array): SetOperation => ({ type: "add", set, item });

/** Writes in the order in which they may be made; some revoke. */
export const script = (): ReadonlyArray<Write> => {
  const [admin, alice, canon] = [root, writer, reader].map((key) => createAuthor(suite, key, spool)) as [
    ReturnType<typeof createAuthor>,
    ReturnType<typeof createAuthor>,
    ReturnType<typeof createAuthor>,
  ];
  const first = alice.message(utf8("one"));
  return [
    admin.operation(add(setNames.dataWriters, publicOf(writer))),
    admin.operation(add(setNames.canonicalReaders, publicOf(reader))),
    first,
    alice.message(utf8("two")),
    canon.tombstone(encodeTombstone({ replica: publicOf(keys[0]!), index: 1, signature: new Uint8Array(64) })),
    admin.operation({ type: "remove", set: setNames.dataWriters, item: publicOf(writer) }),
    alice.message(utf8("three")),
    admin.operation({ type: "remove", set: setNames.truncatable, item: yes }),
    canon.tombstone(encodeRemoval(contentId(suite, spool, first))),
  ];
};
export const writes = script();

/** A replica's spool after the writes of some numbers, those that are refused left out. */
export const permissionedOf = (replica: number, picks: ReadonlyArray<number>): PermissionedSpool =>
  picks.reduce(
    (one, pick) => E.getOrElse(() => one)(appendWrite(suite, keys[replica]!, one, writes[pick]!, 100)),
    newPermissioned(spool, publicOf(keys[replica]!)),
  );
