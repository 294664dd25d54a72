/**
 * newhope_simple.json: whole exchanges of NewHope-Simple with the random reads of both sides (wire-facts §2.2).
 *
 * @module
 */
import type { Suite } from "../../core/crypto/suite.ts";
import { compareBytes, type Differences, recordedRandom } from "./compare.ts";
import { type Decoded, hex, list, object, text } from "./decode.ts";
import { defineFormat, eachCase } from "./format.ts";

const vector = object({
  alice_public: hex(),
  alice_reads: list(hex()),
  bob_public: hex(),
  bob_reads: list(hex()),
  shared: hex(32),
});

const file = object({ note: text, vectors: list(vector) });

const check = ({ kem }: Suite, v: Decoded<typeof vector>): Differences => {
  const alice = recordedRandom(v.alice_reads, "alice_reads");
  const bob = recordedRandom(v.bob_reads, "bob_reads");
  const { publicKey, privateKey } = kem.generate(alice);
  const answer = kem.encapsulate(bob, v.alice_public);
  return [
    ...compareBytes("alice_public", publicKey, v.alice_public),
    ...compareBytes("bob_public", answer?.ciphertext ?? null, v.bob_public),
    ...compareBytes("shared, at Bob", answer?.shared ?? null, v.shared),
    ...compareBytes("shared, at Alice", kem.decapsulate(privateKey, v.bob_public), v.shared),
    ...alice.leftovers(),
    ...bob.leftovers(),
  ];
};

export const newHopeSimpleFormat = defineFormat("newhope_simple", file, (f) => eachCase("vectors", f.vectors, check));
