/**
 * ChaCha20-Poly1305 of what comes in pieces (suite.ts), for suites that gain nothing by not joining them.
 *
 * @module
 */
import { concat } from "../bytes.ts";
import type { Suite } from "./suite.ts";

const noData = new Uint8Array(0);

export const joinPieces = (
  seal: Suite["chachaPolySeal"],
  open: Suite["chachaPolyOpen"],
): Pick<Suite, "chachaPolySealPieces" | "chachaPolyOpenPieces"> => ({
  chachaPolySealPieces: (key, nonce, plaintext) => [seal(key, nonce, noData, concat(...plaintext))],
  chachaPolyOpenPieces: (key, nonce, ciphertext) => open(key, nonce, noData, concat(...ciphertext)),
});
