/**
 * The Provider's accounts (wire-facts §10): by name in its one form, the link key that logs in and, for the keyserver,
 * an identity key. Stored in the table `users`: name → version 1 | link key 32 | 0, or 1 | identity key 32.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { concat, equalConstantTime, toHex } from "../bytes.ts";

export interface Account {
  /** X25519, 32 bytes. */
  readonly linkKey: Uint8Array;
  /** X25519, 32 bytes, or null. */
  readonly identityKey: Uint8Array | null;
}

/** By the name's bytes in hex. */
export type Users = PersistentMap<string, Account>;

export const usersTable = "users";
const version = 1;
export const userKeyLength = 32;

export const userId = (name: Uint8Array): string => toHex(name);

export const encodeAccount = ({ linkKey, identityKey }: Account): Uint8Array =>
  concat(
    Uint8Array.of(version),
    linkKey,
    Uint8Array.of(identityKey === null ? 0 : 1),
    identityKey ?? new Uint8Array(0),
  );

/** Null for another version, or what is no account. */
export const decodeAccount = (bytes: Uint8Array): Account | null => {
  const marker = 1 + userKeyLength;
  if (bytes[0] !== version) return null;
  const linkKey = bytes.slice(1, marker);
  if (bytes[marker] === 0 && bytes.length === marker + 1) return { linkKey, identityKey: null };
  if (bytes[marker] === 1 && bytes.length === marker + 1 + userKeyLength) {
    return { linkKey, identityKey: bytes.slice(marker + 1) };
  }
  return null;
};

/** Whether the key logs in under the name. Takes the same time for a wrong key as for the right one. */
export const isLogin = (users: Users, name: Uint8Array, linkKey: Uint8Array): boolean => {
  const account = users.get(userId(name));
  return account !== undefined && equalConstantTime(account.linkKey, linkKey);
};
