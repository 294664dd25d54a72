/**
 * The shape of pki.json.
 *
 * @module
 */
import { base64, count, type Decoded, entries, hex, list, nothing, number, object, oneOf, text } from "./decode.ts";

const keyPair = { identity_private: hex(64), identity_public: hex(32) };

export const authorityKeys = object({ ...keyPair, identity_public_b64: base64(32) });
const node = object({ ...keyPair, link_public: hex(32), name: text });
export const descriptor = object({ cert_b64: base64(), certified_json: text, name: text });

const authorityRound = object({
  authority: count,
  commit: hex(40),
  commit_reads: list(hex(32)),
  consensus_cert_own_signature_b64: base64(),
  final_sha512: hex(64),
  reveal: hex(40),
  signed_reveal_cert: hex(),
  vote_cert_b64: base64(),
  vote_command: text,
  vote_json: text,
});

const round = object({
  authorities: list(authorityRound),
  consensus_cert_b64: base64(),
  consensus_json: text,
  descriptors: list(descriptor),
  epoch: count,
  prior_shared_random: list(hex(32)),
  shared_random_value: hex(32),
  signatures: count,
  topology_names: list(list(text)),
});

export const topologyVector = object({
  first_4_int63: list(text),
  key: hex(32),
  successive_perms_of_1_2_3_7_20_100: list(list(count)),
});

export const pkiFile = object({
  authority_keys: list(authorityKeys),
  json_floats: entries(text),
  json_strings: entries(text),
  nodes: list(node),
  note: text,
  parameters: entries(oneOf(number, nothing)),
  rounds: list(round),
  topology_rng: list(topologyVector),
});

export type PkiFile = Decoded<typeof pkiFile>;
export type PkiRound = Decoded<typeof round>;
export type AuthorityRound = Decoded<typeof authorityRound>;
