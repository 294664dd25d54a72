/** Replicas that lie and writers that poison: refused, found, proved, and repaired. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex, utf8 } from "../../../core/bytes.ts";
import { E } from "../../../core/fp.ts";
import {
  acceptEntry,
  addProof,
  copyOf,
  isFrozen,
  lostOf,
  newDurable,
  receiptsOf,
  withCopy,
} from "../../../core/spool/durable.ts";
import { decodeProof, encodeProof, forkProof, signHead, verifyProof } from "../../../core/spool/equivocation.ts";
import { compareAudits, newAudit, observeAnswer, observeReceipt } from "../../../core/spool/audit.ts";
import {
  accept,
  appendWrite,
  entriesFrom,
  newPermissioned,
  type PermissionedSpool,
} from "../../../core/spool/permissioned.ts";
import { signRead } from "../../../core/spool/read.ts";
import { decodeWrite, type Write } from "../../../core/spool/write.ts";
import { toySuite as suite } from "../../sim/toy_suite.ts";
import { createAuthor, privateKey, publicOf } from "./keys.ts";
import { add, keys, left, name, permissionedOf, reader, right, root, spool, writer, writes } from "./script.ts";

test("[FAULT-44] [DSPOOL-1-04] a replica can neither alter, nor add, nor reorder, nor repeat an entry: none is accepted", () => {
  const honest = permissionedOf(0, [0, 2, 3]);
  const entries = [...entriesFrom(honest, "meta", 0, 0), ...entriesFrom(honest, "data", 0, 0)];
  const empty = newPermissioned(spool, honest.key);
  const take = (list: typeof entries) => {
    let one = empty;
    for (const entry of list) {
      const next = accept(suite, one, entry);
      if (E.isLeft(next)) return next.left;
      one = next.right;
    }
    return one.contents.size;
  };
  assert.equal(take(entries), 3);
  assert.equal(take([entries[1]!, entries[0]!]), "meta-missing");
  assert.equal(take([entries[0]!, entries[2]!]), "stale");
  assert.equal(take([...entries, entries[2]!]), "slot-taken");
  assert.equal(take([entries[0]!, { ...entries[1]!, message: entries[2]!.message }]), "wrong-digest");
  // With its own key it can sign anything: but not for an author.
  const forgedBy = (write: Write) => left(appendWrite(suite, keys[0]!, honest, write, 100));
  const invented = createAuthor(suite, keys[0]!, spool).message(utf8("invented"));
  assert.equal(forgedBy(invented), "not-permitted");
  assert.equal(forgedBy({ ...invented, author: publicOf(writer), sequence: 5 }), "wrong-write-signature");
});

test("[FAULT-44] fork and rollback are proofs that convict; lost messages are appended again elsewhere", () => {
  const [one, other] = [permissionedOf(0, [0, 2]), permissionedOf(0, [0, 3])];
  const [a, b] = [one.data.headers.get(0)!, other.data.headers.get(0)!];
  const proof = forkProof(one.key, "data", a, b);
  assert.equal(verifyProof(suite, spool, decodeProof(encodeProof(proof))!), true);
  assert.equal(verifyProof(suite, spool, forkProof(one.key, "data", a, a)), false);
  assert.equal(verifyProof(suite, spool, { ...proof, replica: publicOf(keys[1]!) }), false);
  const durable = addProof(suite, withCopy(newDurable(spool), one), proof);
  assert.deepEqual([isFrozen(durable, toHex(one.key)), receiptsOf(suite, durable, writes[2]!).length], [true, 0]);
  assert.deepEqual(lostOf(suite, durable, [writes[2]!]), [writes[2]]);
  const repaired = withCopy(durable, permissionedOf(1, [0, 2]));
  assert.deepEqual(lostOf(suite, repaired, [writes[2]!]), []);
  const head = { length: 0, last: new Uint8Array(64), epoch: 100, asked: a.signature };
  const rolled = {
    type: "rollback",
    replica: one.key,
    part: "data",
    header: a,
    head: signHead(suite, keys[0]!, name(), head),
  } as const;
  assert.equal(verifyProof(suite, spool, decodeProof(encodeProof(rolled))!), true);
  assert.equal(
    verifyProof(suite, spool, { ...rolled, head: signHead(suite, keys[0]!, name(), { ...head, length: 1 }) }),
    false,
  );
});

test("[FAULT-44] a reader finds a dropped, repeated, altered and rolled back answer; two readers find a fork", () => {
  const all = permissionedOf(0, [0, 2, 3]);
  const request = signRead(suite, reader, spool, all.key, { part: "data", after: null, limit: 8, epoch: 100 });
  const answerOf = (one: PermissionedSpool, asked: Uint8Array = new Uint8Array(64)) => ({
    items: entriesFrom(one, "data", 0, 0).map(({ header, message }) => ({
      header,
      write: decodeWrite(message)!,
      body: null as Uint8Array | null,
    })),
    head: signHead(suite, keys[0]!, name(), {
      length: one.data.headers.size,
      last: one.data.headers.last()!.signature,
      epoch: 100,
      asked,
    }),
  });
  const find = (answer: ReturnType<typeof answerOf>) =>
    observeAnswer(suite, newAudit(spool), all.key, request, answer).finding;
  const good = answerOf(all);
  const [first, second] = [good.items[0]!, good.items[1]!];
  assert.equal(find(good), null);
  assert.equal(find({ ...good, items: [second] }), "gap");
  assert.equal(find({ ...good, items: [second, first] }), "gap");
  assert.equal(find({ ...good, items: [first, first] }), "duplicate");
  assert.equal(find({ ...good, items: [{ ...first, write: second.write }] }), "altered");
  assert.equal(find({ ...good, items: [{ ...first, body: utf8("x") }] }), "altered");

  const receipt = receiptsOf(suite, withCopy(newDurable(spool), all), writes[3]!)[0]!;
  const told = observeReceipt(suite, newAudit(spool), writes[3]!, receipt);
  assert.equal(told.finding, null);
  const after = { replica: all.key, index: 1, signature: receipt.header.signature };
  const later = signRead(suite, reader, spool, all.key, { part: "data", after, limit: 8, epoch: 100 });
  const short = answerOf(permissionedOf(0, [0, 2]), receipt.header.signature);
  const rolled = observeAnswer(suite, told.audit, all.key, later, { ...short, items: [] });
  assert.deepEqual([rolled.finding, rolled.audit.proofs.size], ["rollback", 1]);

  const [mine, yours] = [[0, 2], [0, 3]].map((list) =>
    observeAnswer(suite, newAudit(spool), all.key, request, answerOf(permissionedOf(0, list))).audit
  );
  const compared = compareAudits(mine!, yours!);
  assert.equal(compared.finding, "fork");
  assert.equal(verifyProof(suite, spool, compared.audit.proofs.first()!), true);
});

test("[FAULT-43] poisoning: used and too large sequence numbers, oversized operations, unknown replicas are refused, in any order", () => {
  const granted = permissionedOf(0, [0, 1]);
  const twice = createAuthor(suite, writer, spool).message(utf8("another with number 0"));
  assert.equal(left(appendWrite(suite, keys[0]!, permissionedOf(0, [0, 2]), twice, 100)), "slot-taken");
  const huge = createAuthor(suite, root, spool).operation(add(utf8("s"), new Uint8Array(2000)));
  assert.equal(left(appendWrite(suite, keys[0]!, granted, huge, 100)), "malformed");
  const far = { ...writes[2]!, sequence: 1_000_000 };
  assert.equal(left(appendWrite(suite, keys[0]!, granted, far, 100)), "malformed");
  let durable = newDurable(spool);
  for (let at = 0; at < 16; at++) {
    durable = withCopy(durable, newPermissioned(spool, publicOf(privateKey(suite, `r ${at}`))));
  }
  assert.equal(copyOf(durable, publicOf(keys[0]!)), null);
  assert.equal(
    left(acceptEntry(suite, durable, publicOf(keys[0]!), entriesFrom(granted, "meta", 0, 1)[0]!)),
    "too-many-replicas",
  );
});

test("[FAULT-44] [DSPOOL-8.2-01] what a writer wrote at another replica before its revocation is taken by the roles of then; a replica alone cannot go back to them", () => {
  const revoked = permissionedOf(1, [0, 1, 2, 5, 4]);
  assert.equal(left(appendWrite(suite, keys[1]!, revoked, writes[3]!, 100)), "not-permitted");
  const late = right(appendWrite(suite, keys[1]!, revoked, writes[3]!, 100, true));
  const length = late.data.headers.size;
  const [entry] = entriesFrom(late, "data", length - 1, 1);
  assert.deepEqual([entry!.header.meta, revoked.reach, late.reach], [2, 3, 3]);
  // Somebody else sees both replicas' spools, or this one's only.
  const alone = withCopy(newDurable(spool), revoked);
  assert.equal(left(acceptEntry(suite, alone, late.key, entry!)), "meta-backwards");
  const both = withCopy(alone, permissionedOf(0, [0, 3]));
  assert.equal(
    right(acceptEntry(suite, both, late.key, entry!)).copies.get(toHex(late.key))?.data.headers.size,
    length,
  );
  // What it took itself says nothing for it, nor does another write that the other replica took.
  assert.equal(
    left(acceptEntry(suite, withCopy(alone, permissionedOf(0, [0, 2])), late.key, entry!)),
    "meta-backwards",
  );
  const stranger = createAuthor(suite, keys[0]!, spool).message(utf8("never allowed"));
  assert.equal(left(appendWrite(suite, keys[1]!, revoked, stranger, 100, true)), "not-permitted");
});
