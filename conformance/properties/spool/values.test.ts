/** Laws of every kind of spool: merging is associative, commutative and idempotent; what each section promises. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex, utf8 } from "../../../core/bytes.ts";
import { encodeCbor } from "../../../core/codec/cbor.ts";
import { E } from "../../../core/fp.ts";
import { stream } from "../../../core/random.ts";
import { appendTo, mergeAppendOnly, newAppendOnly, signNextOf } from "../../../core/spool/append_only.ts";
import {
  appendDiscrete,
  emptyDiscrete,
  forgetDiscrete,
  mergeDiscrete,
  readDiscrete,
} from "../../../core/spool/discrete.ts";
import {
  contentsOf,
  type Durable,
  isFrozen,
  mergeDurable,
  newDurable,
  receiptsOf,
  withCopy,
} from "../../../core/spool/durable.ts";
import { encryptionKeys, open, seal, sealedOverhead } from "../../../core/spool/encrypted.ts";
import {
  appendWrite,
  mergePermissioned,
  newPermissioned,
  type PermissionedSpool,
  setNames,
} from "../../../core/spool/permissioned.ts";
import { verifyReceipt } from "../../../core/spool/receipts.ts";
import {
  appendOperation,
  encodeOperation,
  get,
  mergeCollections,
  newSetCollection,
  type SetOperation,
} from "../../../core/spool/set.ts";
import {
  appendSigned,
  forgetSigned,
  mergeSigned,
  newSigned,
  readSigned,
  type SignedSpool,
  signNext,
  verifyChain,
} from "../../../core/spool/signed.ts";
import { contentId, decodeTombstone, encodeTombstone, signWrite, type Write } from "../../../core/spool/write.ts";
import { toySuite as suite } from "../../sim/toy_suite.ts";
import { createAuthor, publicOf } from "./keys.ts";
import { add, keys, left, name, permissionedOf, reader, right, root, spool, writer, writes } from "./script.ts";

/** The three laws for states drawn from an arbitrary, compared by what `view` shows of them. */
const laws = <A>(states: fc.Arbitrary<A>, merge: (a: A, b: A) => A, view: (a: A) => unknown): void =>
  fc.assert(
    fc.property(states, states, states, (a, b, c) => {
      assert.deepEqual(view(merge(a, b)), view(merge(b, a)), "commutative");
      assert.deepEqual(view(merge(merge(a, b), c)), view(merge(a, merge(b, c))), "associative");
      assert.deepEqual(view(merge(a, a)), view(a), "idempotent");
      assert.deepEqual(view(merge(merge(a, b), b)), view(merge(a, b)), "absorbs");
    }),
    { numRuns: 60 },
  );

/* Histories: a chain is a list of choices; two chains share as much as their choices do. */

const choices = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 6 });
const history = fc.tuple(choices, fc.nat(6));

const signedOf = (picks: ReadonlyArray<number>, forgotten: number): SignedSpool =>
  forgetSigned(
    picks.reduce((state, pick) => {
      const message = utf8(`message ${pick}`);
      return right(appendSigned(suite, state, { header: signNext(suite, keys[0]!, state, message, 100), message }));
    }, newSigned(name())),
    forgotten,
  );

test("[DSPOOL-3-01] [DSPOOL-3-02] [DSPOOL-3-03] [DSPOOL-3-04] [DSPOOL-3-05] discrete spool: indexes stay, reading takes a limit, forgetting keeps the item itself; merging is a join", () => {
  const filled = ["a", "b", "c"].reduce((state, text) => right(appendDiscrete(state, utf8(text))).spool, emptyDiscrete);
  assert.equal(right(appendDiscrete(filled, utf8("d"))).index, 3);
  assert.deepEqual(right(readDiscrete(filled, 1)).map(toHex), [toHex(utf8("b"))]);
  assert.equal(right(readDiscrete(filled, 0, 0)).length, 3);
  const less = forgetDiscrete(filled, 1);
  assert.equal(left(readDiscrete(less, 0)), "forgotten");
  assert.deepEqual(right(readDiscrete(less, 1, 0)).map(toHex), [toHex(utf8("b")), toHex(utf8("c"))]);
  assert.equal(left(appendDiscrete(less, new Uint8Array(65_537))), "too-long");
  const state = history.map(([picks, first]) =>
    forgetDiscrete(picks.reduce((one, pick) => right(appendDiscrete(one, utf8(`${pick}`))).spool, emptyDiscrete), first)
  );
  laws(state, mergeDiscrete, ({ first, items }) => [first, [...items].map(toHex)]);
});

const signedView = (
  { headers, fork, spool: { first, items } }: SignedSpool,
): unknown => [
  [...headers].map(({ signature }) => toHex(signature)),
  fork?.map(({ signature }) => toHex(signature)),
  first,
  [...items].map(toHex),
];

test("[DSPOOL-4-02] [DSPOOL-4-03] [DSPOOL-4-04] [DSPOOL-4-05] [DSPOOL-4-06] [DSPOOL-4-07] [DSPOOL-4-08] signed spool: a chain that verifies from anywhere; merging is a join, and two signatures for one index freeze it", () => {
  const filled = signedOf([0, 1, 2], 0);
  const message = utf8("next");
  const header = signNext(suite, keys[0]!, filled, message, 100);
  assert.equal(left(appendSigned(suite, filled, { header, message: utf8("other") })), "wrong-digest");
  assert.equal(left(appendSigned(suite, signedOf([0, 1], 0), { header, message })), "stale");
  assert.equal(
    left(appendSigned(suite, filled, { header: signNext(suite, keys[1]!, filled, message, 100), message })),
    "wrong-signature",
  );
  assert.equal(verifyChain(suite, name(), filled.headers.skip(1), filled.headers.get(0)!.signature), true);
  assert.equal(verifyChain(suite, name(), filled.headers.skip(1), filled.headers.get(1)!.signature), false);
  assert.equal(left(readSigned(forgetSigned(filled, 2), 1)), "forgotten");
  laws(history.map(([picks, first]) => signedOf(picks, first)), mergeSigned, signedView);
  const forked = mergeSigned(signedOf([0, 1, 2], 0), signedOf([0, 2], 0));
  assert.deepEqual([forked.headers.size, forked.fork !== null], [1, true]);
  assert.equal(
    left(appendSigned(suite, forked, { header: signNext(suite, keys[0]!, forked, message, 100), message })),
    "frozen",
  );
});

test("[DSPOOL-4.1-01] append-only spool: merging is a join", () => {
  const state = choices.map((picks) =>
    picks.reduce((one, pick) => {
      const message = utf8(`${pick}`);
      return right(appendTo(suite, one, { header: signNextOf(suite, keys[0]!, one, message, 100), message }));
    }, newAppendOnly(name()))
  );
  laws(state, mergeAppendOnly, ({ log }) => signedView(log));
});

const operations = fc.array(
  fc.record({
    type: fc.constantFrom("add", "remove"),
    set: fc.constantFrom(utf8("s"), utf8("t")),
    item: fc.constantFrom(utf8("1"), utf8("2")),
  }),
  { maxLength: 6 },
) as fc.Arbitrary<ReadonlyArray<SetOperation>>;

test("[DSPOOL-5-01] [DSPOOL-5-02] [DSPOOL-5-03] [DSPOOL-5-04] [DSPOOL-5-05] sets: added once, removed once, also before; merging is a join", () => {
  const apply = (one: ReturnType<typeof newSetCollection>, operation: SetOperation) => {
    const message = encodeOperation(operation);
    return appendOperation(suite, one, { header: signNextOf(suite, keys[0]!, one.log, message, 100), message });
  };
  const [set, item] = [utf8("s"), utf8("1")];
  const removed = right(apply(newSetCollection(name("meta")), { type: "remove", set, item }));
  assert.equal(left(apply(removed, { type: "add", set, item })), "removed");
  assert.equal(get(removed, set).length, 0);
  const added = right(apply(newSetCollection(name("meta")), { type: "add", set, item }));
  assert.deepEqual(get(added, set).map(toHex), [toHex(item)]);
  const state = operations.map((list) =>
    list.reduce((one, operation) => E.getOrElse(() => one)(apply(one, operation)), newSetCollection(name("meta")))
  );
  laws(
    state,
    mergeCollections,
    (one) => [signedView(one.log.log), get(one, utf8("s")).map(toHex), get(one, utf8("t")).map(toHex)],
  );
});

/* Permissioned */

const permissionedView = (
  one: PermissionedSpool,
): unknown => [
  signedView(one.meta.log.log),
  signedView(one.data),
  [...one.contents.keys()].sort(),
  [...one.removed.keys()].sort(),
  one.active,
];

const picks = fc.array(fc.nat(writes.length - 1), { maxLength: 8 });

test("[DSPOOL-6-01] [DSPOOL-6.1-03] permissioned spool: merging is a join", () => {
  laws(picks.map((list) => permissionedOf(0, list)), (a, b) => mergePermissioned(suite, a, b), permissionedView);
});

test("[DSPOOL-6.1-04] [DSPOOL-6.1-12] [DSPOOL-6-02] [DSPOOL-6-03] roles: what a revoked writer wrote before stays, what comes after is refused; forgetting needs a canonical reader and 'truncatable'", () => {
  const append = (one: PermissionedSpool, at: number) => appendWrite(suite, keys[0]!, one, writes[at]!, 100);
  const granted = permissionedOf(0, [0, 2]);
  assert.equal(granted.contents.size, 2);
  const revoked = right(append(granted, 5));
  assert.equal(left(append(revoked, 3)), "not-permitted");
  assert.equal(revoked.contents.size, 3);
  assert.equal(left(append(granted, 4)), "not-permitted");
  assert.equal(left(append(permissionedOf(0, [1, 7]), 4)), "not-truncatable");
  assert.equal(
    left(appendWrite(suite, keys[0]!, granted, { ...writes[3]!, sequence: 7 }, 100)),
    "wrong-write-signature",
  );
});

test("[DSPOOL-6.1-06] [DSPOOL-6.1-07] [DSPOOL-8-03] a receipt proves the write to whoever has nothing of the spool; another write's it is not", () => {
  const one = permissionedOf(1, [0, 2, 3]);
  const durable = withCopy(newDurable(spool), one);
  const receipts = receiptsOf(suite, durable, writes[2]!);
  assert.equal(receipts.length, 1);
  assert.equal(verifyReceipt(suite, spool, writes[2]!, receipts[0]!), true);
  assert.equal(verifyReceipt(suite, spool, writes[3]!, receipts[0]!), false);
  assert.equal(verifyReceipt(suite, publicOf(writer), writes[2]!, receipts[0]!), false);
});

test("[DSPOOL-7-01] [DSPOOL-7-02] [DSPOOL-7-03] encrypted: any of the keys opens, no other does, and a replica's own key is not among them", () => {
  const random = stream(new Uint8Array(32));
  const scalars = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
  const admin = createAuthor(suite, root, spool);
  const mallory = createAuthor(suite, keys[0]!, spool);
  const one = scalars.slice(0, 2).reduce(
    (state, scalar) =>
      right(
        appendWrite(
          suite,
          keys[0]!,
          state,
          admin.operation(add(setNames.dataEncryption, suite.x25519Public(scalar))),
          100,
        ),
      ),
    newPermissioned(spool, publicOf(keys[0]!)),
  );
  const injected = mallory.operation(add(setNames.dataEncryption, suite.x25519Public(scalars[2]!)));
  assert.equal(left(appendWrite(suite, keys[0]!, one, injected, 100)), "not-permitted");
  const sealed = right(seal(suite, random, spool, encryptionKeys(one), utf8("secret")));
  assert.equal(sealed.length, 6 + sealedOverhead(2));
  assert.deepEqual(scalars.map((scalar) => open(suite, spool, scalar, sealed)?.length), [6, 6, undefined]);
  for (let at = 0; at < sealed.length; at += 7) {
    const altered = sealed.map((byte, index) => index === at ? byte ^ 1 : byte);
    assert.equal(scalars.slice(0, 2).every((scalar) => open(suite, spool, scalar, altered) !== null), false);
  }
});

/* Durable */

const durableState = fc.array(fc.tuple(fc.nat(2), picks), { maxLength: 3 }).map((list): Durable =>
  list.reduce(
    (one, [replica, chosen]) => mergeDurable(suite, one, withCopy(newDurable(spool), permissionedOf(replica, chosen))),
    newDurable(spool),
  )
);

const durableView = (
  one: Durable,
): unknown => [
  [...one.copies.entries()].sort().map(([key, copy]) => [key, permissionedView(copy), isFrozen(one, key)]),
  [...contentsOf(one).keys()].sort(),
];

test("[DSPOOL-8-01] [DSPOOL-8.2-04] durable spool: merging is a join, whichever replicas forked", () => {
  laws(durableState, (a, b) => mergeDurable(suite, a, b), durableView);
});

test("[DSPOOL-8.2-02] a tombstone forgets everywhere what stands before it in one replica's spool, also what arrives later", () => {
  const [admin, alice, canon] = [root, writer, reader].map((key) => createAuthor(suite, key, spool));
  const messages = ["one", "two"].map((text) => alice!.message(utf8(text)));
  const grants = [writes[0]!, writes[1]!];
  assert.notEqual(admin, undefined);
  const build = (replica: number, list: ReadonlyArray<Write>) =>
    list.reduce(
      (one, write) => right(appendWrite(suite, keys[replica]!, one, write, 100)),
      newPermissioned(spool, publicOf(keys[replica]!)),
    );
  const first = build(0, [...grants, ...messages]);
  const at = first.data.headers.get(1)!;
  const tombstone = canon!.tombstone(encodeTombstone({ replica: first.key, index: 1, signature: at.signature }));
  const second = build(1, [...grants, tombstone, messages[0]!]);
  const together = [first, second].reduce(withCopy, newDurable(spool));
  const left_ = [...contentsOf(together).values()].filter(({ kind }) => kind === "message");
  assert.deepEqual(left_.map(({ digest }) => toHex(digest)), [toHex(messages[1]!.digest)]);
});

test("[DSPOOL-8.2-02] a tombstone that names one message forgets it at every replica, before or after it comes, and no other", () => {
  const [one, two] = [writes[2]!, writes[3]!];
  // Whose message it is does not matter: only canonical readers remove.
  const own = signWrite(suite, writer, spool, { kind: "tombstone", sequence: 0, epoch: 100 }, writes[8]!.body!);
  assert.equal(left(appendWrite(suite, keys[0]!, permissionedOf(0, [0, 1, 2]), own, 100)), "not-permitted");
  const kept = (...replicas: ReadonlyArray<ReadonlyArray<number>>): string[] => {
    const copies = replicas.map((list, at) => permissionedOf(at, list));
    const contents = contentsOf(copies.reduce(withCopy, newDurable(spool)));
    return [...contents.values()].filter(({ kind }) => kind === "message").map(({ digest }) => toHex(digest)).sort();
  };
  const [first, second] = [one, two].map(({ digest }) => toHex(digest)) as [string, string];
  assert.deepEqual(kept([0, 1, 2, 3]), [first, second].sort());
  assert.deepEqual(kept([0, 1, 2, 3, 8]), [second]);
  assert.deepEqual(kept([0, 1, 8, 2, 3]), [second]);
  assert.deepEqual(kept([0, 1, 3, 2], [0, 1, 8]), [second]);
  // After "yes" has gone from truncatable none is taken.
  assert.deepEqual(kept([0, 1, 2, 3, 7, 8]), [first, second].sort());
  assert.deepEqual(decodeTombstone(writes[8]!.body!), { type: "message", content: contentId(suite, spool, one) });
  assert.equal(decodeTombstone(encodeCbor([one.digest, 1])), null);
  assert.equal(decodeTombstone(encodeCbor([one.digest.subarray(1)])), null);
});
