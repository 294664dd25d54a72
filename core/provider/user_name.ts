/**
 * How a user's name is written, decided in one place for logins, recipients and registrations (wire-facts §6.3, §6.4):
 * in Go a login is compared in mapped form while its mailbox is read under the raw one.
 *
 * Names follow PRECIS UsernameCaseMapped or, where case counts, UsernameCasePreserved (user_name_profile.ts).
 *
 * @module
 */
import { fromUtf8, utf8 } from "../bytes.ts";
import type { ProviderConfig } from "./config.ts";
import { isConfusable } from "./user_name_glyphs.ts";
import { enforceUserName } from "./user_name_profile.ts";

export type NameRules = Pick<ProviderConfig, "binaryRecipients" | "caseSensitiveRecipients" | "recipientDelimiter">;

/** In bytes of UTF-8: the length of a Sphinx recipient. */
export const userNameLengthMax = 64;

/** Mapped once, from UTF-8 to text; null for what is no name. */
const mapName = (rules: NameRules, name: Uint8Array): string | null => {
  const text = fromUtf8(name);
  return text === null ? null : enforceUserName(rules.caseSensitiveRecipients ? "case-preserved" : "case-mapped", text);
};

const bounded = (
  name: Uint8Array,
): Uint8Array | null => (name.length > 0 && name.length <= userNameLengthMax ? name : null);

/** A user's name, as presented at login or registration, in its one form; null where it cannot be one. */
export const userName = (rules: NameRules, presented: Uint8Array): Uint8Array | null => {
  // Mapping shortens by at most a few times: nothing much longer is worth it.
  if (presented.length > 4 * userNameLengthMax) return null;
  if (rules.binaryRecipients) return bounded(presented.slice());
  const mapped = mapName(rules, presented);
  return mapped === null ? null : bounded(utf8(mapped));
};

/** The same for an account that is to be made; a name that may look as another one is none for it. */
export const newUserName = (
  rules: NameRules,
  presented: Uint8Array,
): Uint8Array | "invalid-name" | "confusable-name" => {
  const name = userName(rules, presented);
  if (name === null) return "invalid-name";
  return !rules.binaryRecipients && isConfusable(fromUtf8(name)!) ? "confusable-name" : name;
};

/**
 * The user that a packet's recipient (64 bytes) names: without trailing zeros, mapped, and cut at the delimiter unless
 * it comes first.
 */
export const recipientName = (rules: NameRules, recipient: Uint8Array): Uint8Array | null => {
  if (rules.binaryRecipients) return bounded(recipient.slice());
  const mapped = mapName(rules, trimZeros(recipient));
  if (mapped === null) return null;
  const cut = rules.recipientDelimiter === "" ? -1 : mapped.indexOf(rules.recipientDelimiter);
  return bounded(utf8(cut > 0 ? mapped.slice(0, cut) : mapped));
};

/** A view without the zeros at the end. */
export const trimZeros = (bytes: Uint8Array): Uint8Array => {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
};
