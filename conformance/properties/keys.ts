/**
 * Keys of nodes and users under test, each from a seed and a name.
 *
 * @module
 */
import { concat } from "../../core/bytes.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { deriveSeed } from "../../core/random.ts";

export interface Keys {
  /** Ed25519, 64 bytes (seed | public). */
  readonly identityPrivate: Uint8Array;
  readonly identityKey: Uint8Array;
  /** X25519, 32 bytes each. */
  readonly linkPrivate: Uint8Array;
  readonly linkKey: Uint8Array;
}

export const keysFrom = (suite: Suite, seed: Uint8Array, name: string): Keys => {
  const identitySeed = deriveSeed(seed, `identity ${name}`);
  const identityKey = suite.ed25519Public(identitySeed);
  const linkPrivate = deriveSeed(seed, `link ${name}`);
  return {
    identityPrivate: concat(identitySeed, identityKey),
    identityKey,
    linkPrivate,
    linkKey: suite.x25519Public(linkPrivate),
  };
};
