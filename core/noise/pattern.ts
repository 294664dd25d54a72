/**
 * Handshake patterns as tables (noiseprotocol.org, The Noise Protocol Framework §7, and its extension for hybrid
 * forward secrecy, draft 5), with the three that Katzenpost uses: XXhfs on links (specs/wire-protocol.rst §2), X around
 * end-to-end blocks (specs/end_to_end.rst §4) and K in the dead drop's tokens (drafts/deaddrop.rst §3.1).
 *
 * @module
 */

/**
 * `e`, `s`: a Diffie-Hellman public key. `f`: a KEM's public value, then its ciphertext. `ee` to `ss`: Diffie-Hellman,
 * the initiator's key first. `ff`: the KEM's shared secret.
 */
export type Token = "e" | "f" | "s" | "ee" | "es" | "se" | "ss" | "ff";

export interface Pattern {
  readonly name: string;
  /** Static keys known beforehand. */
  readonly knownStatics: { readonly initiator: boolean; readonly responder: boolean };
  /** From the initiator first, then in turn. */
  readonly messages: ReadonlyArray<ReadonlyArray<Token>>;
}

export const patternX: Pattern = {
  name: "X",
  knownStatics: { initiator: false, responder: true },
  messages: [["e", "es", "s", "ss"]],
};

export const patternK: Pattern = {
  name: "K",
  knownStatics: { initiator: true, responder: true },
  messages: [["e", "es", "ss"]],
};

export const patternXXhfs: Pattern = {
  name: "XXhfs",
  knownStatics: { initiator: false, responder: false },
  messages: [["e", "f"], ["e", "f", "ee", "ff", "s", "es"], ["s", "se"]],
};
