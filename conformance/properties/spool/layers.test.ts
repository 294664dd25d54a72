/** What the layers of dspool are made of: the discrete spool below all others, tuples of bytes, and what is signed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compare, equal, toHex, utf8 } from "../../../core/bytes.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../../core/codec/cbor.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import { domains } from "../../../core/spool/domains.ts";
import { newDurable } from "../../../core/spool/durable.ts";
import { signHead } from "../../../core/spool/equivocation.ts";
import { signHost } from "../../../core/spool/hosting_wire.ts";
import { signPurge } from "../../../core/spool/purge.ts";
import { signRead } from "../../../core/spool/read.ts";
import { decodeRequest, signSync } from "../../../core/spool/replica_wire.ts";
import { appendSigned, newSigned, signNext } from "../../../core/spool/signed.ts";
import { vectorOf } from "../../../core/spool/version_vector.ts";
import { signWrite } from "../../../core/spool/write.ts";
import { importsOf, resolveImport, sourcesBelow } from "../../house/sources.ts";
import { toySuite as suite } from "../../sim/toy_suite.ts";
import { publicOf } from "./keys.ts";
import { keys, left, name, right, root, spool } from "./script.ts";

test("[DSPOOL-3-06] only the signed spool is built on the discrete one, and no request that comes in reaches it", () => {
  const sources = sourcesBelow("core", "adapters", "cmd");
  const users = sources.filter((source) =>
    importsOf(source).some(({ specifier }) => resolveImport(source.path, specifier) === "core/spool/discrete.ts")
  );
  assert.deepEqual(users.map(({ path }) => path), ["core/spool/signed.ts"]);
  const asked: ReadonlyArray<ReadonlyArray<CborValue>> = [
    ["append", spool, utf8("message")],
    ["forget", spool, 0],
    ["read", spool, 0, 1],
  ];
  for (const request of asked) assert.equal(decodeRequest(encodeCbor(request)), null, String(request[0]));
});

test("[DSPOOL-4-01] a signed spool takes what its spool key has signed, and what another key has signed is another's", () => {
  fc.assert(
    fc.property(fc.nat(2), fc.nat(2), fc.uint8Array({ maxLength: 9 }), (own, other, message) => {
      const of = (at: number) => newSigned({ ...name(), key: publicOf(keys[at]!) });
      const entry = { header: signNext(suite, keys[other]!, of(other), message, 100), message };
      const taken = appendSigned(suite, of(own), entry);
      if (own === other) assert.equal(right(taken).headers.size, 1);
      else assert.equal(left(taken), "wrong-signature");
    }),
  );
});

const tuple = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });

test("[DSPOOL-2.1-01] tuples of byte strings are written in one way, and different ones differently", () => {
  fc.assert(
    fc.property(tuple, tuple, (a, b) => {
      const bytes = encodeCbor(a);
      assert.deepEqual(right(decodeCbor(bytes)), a);
      const isSame = a.length === b.length && a.every((part, at) => equal(part, b[at]!));
      assert.equal(compare(bytes, encodeCbor(b)) === 0, isSame);
    }),
  );
});

test("[DSPOOL-2.1-01] whatever is signed is an array that begins with what it is for: no signature serves for two purposes", () => {
  const signed: Uint8Array[] = [];
  const recording: Suite = {
    ...suite,
    ed25519Sign: (key, message) => {
      signed.push(message.slice());
      return suite.ed25519Sign(key, message);
    },
  };
  const [key, message] = [keys[0]!, utf8("message")];
  const exchange = { vector: vectorOf(newDurable(spool).copies), items: [], proof: null };
  signNext(recording, key, newSigned(name()), message, 100);
  signWrite(recording, key, spool, { kind: "message", sequence: 0, epoch: 100 }, message);
  signRead(recording, key, spool, publicOf(key), { part: "data", after: null, limit: 1, epoch: 100 });
  const none = new Uint8Array(64);
  signHead(recording, key, name(), { length: 0, last: none, epoch: 100, asked: none });
  signHost(recording, root, 100);
  signPurge(recording, root);
  signSync(recording, key, { spool, from: publicOf(key), to: spool, epoch: 100, exchange });
  const purposes = signed.map((bytes) => {
    const value = right(decodeCbor(bytes));
    assert.equal(toHex(encodeCbor(value)), toHex(bytes), "in the one encoding");
    return (value as ReadonlyArray<CborValue>)[0];
  });
  const { entry, write, read, head, host, purge, sync } = domains;
  assert.deepEqual(purposes, [entry, write, read, head, host, purge, sync]);
  assert.equal(new Set(Object.values(domains)).size, Object.keys(domains).length);
});
