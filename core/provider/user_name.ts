/**
 * How a user's name is written, decided in one place for logins, recipients and registrations (wire-facts §6.3, §6.4):
 * in Go a login is compared in mapped form while its mailbox is read under the raw one.
 *
 * Names follow PRECIS UsernameCaseMapped (RFC 8265 §3.3), or UsernameCasePreserved, approximated by the engine's
 * Unicode data: width mapping, lower case, NFC, and only characters of the IdentifierClass. The contextual rules
 * (joiners, middle dots) are stricter here, such characters being refused; the Bidi Rule is not checked.
 *
 * @module
 */
import { fromUtf8, utf8 } from "../bytes.ts";
import type { ProviderConfig } from "./config.ts";

export type NameRules = Pick<ProviderConfig, "binaryRecipients" | "caseSensitiveRecipients" | "recipientDelimiter">;

/** In bytes of UTF-8: the length of a Sphinx recipient. */
export const userNameLengthMax = 64;

const ascii = /^[\x21-\x7e]$/;
const letterOrDigit = /^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u;
/** Old Hangul Jamo (RFC 8264 §9.9), and the exceptions that it disallows (§9.6). */
const disallowed = /^[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b]$/;

/** RFC 8264 §4.2: 7-bit ASCII, and letters and digits that are no compatibility form of others. */
const isIdentifierCharacter = (character: string): boolean =>
  ascii.test(character) ||
  (letterOrDigit.test(character) && !disallowed.test(character) &&
    character.normalize("NFKC") === character.normalize("NFC"));

/** RFC 8265 §3.3.1: full-width and half-width characters become what they stand for. */
const mapWidth = (text: string): string =>
  text.replace(/[\uff01-\uffef\u3000]/g, (character) => character.normalize("NFKC"));

// Letter by letter: a sigma at the end of a word is lower-cased as any other.
const lowerCase = (text: string): string => Array.from(text, (character) => character.toLowerCase()).join("");

const mapName = (rules: NameRules, name: Uint8Array): string | null => {
  const text = fromUtf8(name);
  if (text === null) return null;
  const width = mapWidth(text);
  const mapped = (rules.caseSensitiveRecipients ? width : lowerCase(width)).normalize("NFC");
  return Array.from(mapped).every(isIdentifierCharacter) ? mapped : null;
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
