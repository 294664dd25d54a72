/**
 * The platform's objects of the keys used last, so that a key is not imported anew for each use. Bounded, and emptied
 * key by key on demand: the object of a private key is a copy of a secret that nothing else wipes.
 *
 * @module
 */
import { toHex } from "../core/bytes.ts";

export interface KeyCache<Kind extends string, Key> {
  /** The object of a secret, imported where it is not at hand. */
  readonly get: (kind: Kind, secret: Uint8Array) => Key;
  /** Drops the objects of a secret, of every kind. */
  readonly forget: (secret: Uint8Array) => void;
}

/** A cache of at most `size` objects, which drops the least recently used one. */
export const createKeyCache = <Kind extends string, Key>(
  size: number,
  kinds: ReadonlyArray<Kind>,
  importKey: (kind: Kind, secret: Uint8Array) => Key,
): KeyCache<Kind, Key> => {
  // In the order of use: a Map keeps the order of insertion.
  const keys = new Map<string, Key>();
  const nameOf = (kind: Kind, hex: string) => `${kind} ${hex}`;
  return {
    get: (kind, secret) => {
      const name = nameOf(kind, toHex(secret));
      const key = keys.get(name) ?? importKey(kind, secret);
      keys.delete(name);
      keys.set(name, key);
      if (keys.size > size) keys.delete(keys.keys().next().value!);
      return key;
    },
    forget: (secret) => {
      const hex = toHex(secret);
      for (const kind of kinds) keys.delete(nameOf(kind, hex));
    },
  };
};
