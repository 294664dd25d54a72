/** Keys and writes for the tests of spools, under any suite. */
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, utf8 } from "../../../core/bytes.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import { encodeOperation, type SetOperation } from "../../../core/spool/set.ts";
import { signWrite, type Write, type WriteKind } from "../../../core/spool/write.ts";

/** The Ed25519 private key (64 bytes: seed | public) of a name. */
export const privateKey = (suite: Suite, name: string): Uint8Array => {
  const seed = sha256(utf8(name));
  return concat(seed, suite.ed25519Public(seed));
};

export const publicOf = (key: Uint8Array): Uint8Array => key.subarray(32);

/** A writer with its own count of sequence numbers. */
export const createAuthor = (suite: Suite, key: Uint8Array, spool: Uint8Array) => {
  const used = new Map<WriteKind, number>();
  const write = (kind: WriteKind, body: Uint8Array, epoch = 100): Write => {
    const sequence = used.get(kind) ?? 0;
    used.set(kind, sequence + 1);
    return signWrite(suite, key, spool, { kind, sequence, epoch }, body);
  };
  return {
    message: (body: Uint8Array, epoch?: number): Write => write("message", body, epoch),
    tombstone: (body: Uint8Array): Write => write("tombstone", body),
    operation: (operation: SetOperation): Write => write("meta", encodeOperation(operation)),
  };
};
