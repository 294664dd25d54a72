/**
 * Mailboxes (specs/end_to_end.rst §3.2.1, §4; wire-facts §6.3, §6.4): what waits for each user, oldest first. The state
 * holds the order; the contents stay in the store's table `mailboxes`: key name length 1 | name | number 8; value
 * version 1 | kind 1 | SURB id 16 (kind 1 only) | payload.
 *
 * Numbers rise over all mailboxes, so that a number is never given twice while its deletion is still on its way to the
 * disk.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import { concat, readUint64, toHex, uint64 } from "../bytes.ts";
import { type Geometry, payloadTagLength, surbIdLength } from "../sphinx/geometry.ts";

export type MailboxEntry =
  /** `payload` has the geometry's `userPayloadLength`. */
  | { readonly type: "Message"; readonly payload: Uint8Array }
  /** `payload` is the encrypted reply: tag and forward payload. */
  | { readonly type: "SurbReply"; readonly surbId: Uint8Array; readonly payload: Uint8Array };

export interface Mailboxes {
  /** By user; an empty mailbox is absent. */
  readonly entries: PersistentMap<string, List<number>>;
  readonly nextNumber: number;
}

export const mailboxTable = "mailboxes";
const version = 1;
const messageKind = 0;
const replyKind = 1;

export const emptyMailboxes: Mailboxes = { entries: PersistentMap(), nextNumber: 1 };

export const entriesOf = (mailboxes: Mailboxes, user: string): List<number> => mailboxes.entries.get(user) ?? List();

/** Adds an entry that is in the store. */
export const withEntry = (mailboxes: Mailboxes, user: string, number: number): Mailboxes => ({
  entries: mailboxes.entries.set(user, entriesOf(mailboxes, user).push(number)),
  nextNumber: Math.max(mailboxes.nextNumber, number + 1),
});

/** Removes the oldest entry if it is the given one. */
export const withoutHead = (mailboxes: Mailboxes, user: string, number: number): Mailboxes => {
  const entries = entriesOf(mailboxes, user);
  if (entries.first() !== number) return mailboxes;
  const rest = entries.shift();
  return { ...mailboxes, entries: rest.isEmpty() ? mailboxes.entries.delete(user) : mailboxes.entries.set(user, rest) };
};

/** Removes all entries of a user. */
export const withoutMailbox = (mailboxes: Mailboxes, user: string): Mailboxes => ({
  ...mailboxes,
  entries: mailboxes.entries.delete(user),
});

export const entryKey = (name: Uint8Array, number: number): Uint8Array =>
  concat(Uint8Array.of(name.length), name, uint64(number));

/** The user and the number of a key, or null for what is none. */
export const decodeEntryKey = (key: Uint8Array): { readonly user: string; readonly number: number } | null => {
  const end = 1 + (key[0] ?? 0);
  const number = key.length === end + 8 ? readUint64(key, end) : null;
  return number === null ? null : { user: toHex(key.subarray(1, end)), number };
};

export const encodeEntry = (entry: MailboxEntry): Uint8Array =>
  entry.type === "Message"
    ? concat(Uint8Array.of(version, messageKind), entry.payload)
    : concat(Uint8Array.of(version, replyKind), entry.surbId, entry.payload);

/** Null for another version, or what is no entry of this geometry. */
export const decodeEntry = (geometry: Geometry, bytes: Uint8Array): MailboxEntry | null => {
  if (bytes[0] !== version) return null;
  const body = bytes.subarray(2);
  if (bytes[1] === messageKind && body.length === geometry.userPayloadLength) return { type: "Message", payload: body };
  const replyLength = surbIdLength + payloadTagLength + geometry.forwardPayloadLength;
  if (bytes[1] !== replyKind || body.length !== replyLength) return null;
  return { type: "SurbReply", surbId: body.subarray(0, surbIdLength), payload: body.subarray(surbIdLength) };
};
