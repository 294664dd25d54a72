/** A suite that remembers the secrets which went through it, so that tests can see them overwritten. */
import { equal, isZero } from "../../../core/bytes.ts";
import type { Suite } from "../../../core/crypto/suite.ts";

export interface Witness {
  readonly suite: Suite;
  /** By name, the very arrays: keys, shared secrets, keystreams, decrypted headers. */
  readonly secrets: ReadonlyArray<readonly [name: string, bytes: Uint8Array]>;
}

/**
 * Scalars in `kept` belong to the caller and are not expected to be wiped. What X25519 makes of a blinding factor and a
 * group element is the next group element, which is public; of a secret it is a secret again.
 */
export const createWitness = (suite: Suite, kept: ReadonlyArray<Uint8Array>): Witness => {
  const secrets: (readonly [string, Uint8Array])[] = [];
  const shared: Uint8Array[] = [];
  const note = (name: string, bytes: Uint8Array): void => {
    secrets.push([name, bytes]);
  };
  let groupElement: Uint8Array | null = null;
  const isPublic = (point: Uint8Array): boolean => groupElement !== null && equal(point, groupElement);
  return {
    secrets,
    suite: {
      ...suite,
      x25519: (scalar, point) => {
        const isKept = kept.includes(scalar);
        if (!isKept) note("scalar", scalar);
        const blindsGroupElement = isPublic(point);
        const result = suite.x25519(scalar, point);
        if (result === null) return null;
        if (blindsGroupElement) groupElement = result.slice();
        else {
          shared.push(result);
          note("shared secret", result);
          if (isKept) groupElement = point.slice();
        }
        return result;
      },
      x25519Public: (scalar) => {
        note("ephemeral", scalar);
        const result = suite.x25519Public(scalar);
        groupElement = result.slice();
        return result;
      },
      hkdfExpandSha256: (key, info, length) => {
        const result = suite.hkdfExpandSha256(key, info, length);
        note("packet keys", result);
        return result;
      },
      hmacSha256: (key, message) => {
        note("MAC key", key);
        return suite.hmacSha256(key, message);
      },
      aes128CtrInPlace: (key, iv, data) => {
        note("header key", key);
        suite.aes128CtrInPlace(key, iv, data);
        note("keystream or routing information", data);
      },
      aezEncryptInPlace: (key, nonce, data) => {
        note("payload key", key);
        suite.aezEncryptInPlace(key, nonce, data);
      },
      aezDecryptInPlace: (key, nonce, data) => {
        note("payload key", key);
        suite.aezDecryptInPlace(key, nonce, data);
      },
    },
  };
};

/** The names of secrets that are still to be read. */
export const unwiped = ({ secrets }: Witness): ReadonlyArray<string> =>
  secrets.filter(([, bytes]) => !isZero(bytes)).map(([name]) => name);
