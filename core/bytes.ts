/**
 * Byte strings: comparison, joining, hex, base64, big-endian integers. Nothing here allocates by a length that a peer
 * claims.
 *
 * @module
 */

/** Equality in time that depends on the lengths alone. */
export const equalConstantTime = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
};

/** Equality of public values. */
export const equal = (a: Uint8Array, b: Uint8Array): boolean => compare(a, b) === 0;

/** Bytewise lexicographic order, shorter first: negative, 0 or positive. */
export const compare = (a: Uint8Array, b: Uint8Array): number => {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
};

/** Of byte strings that follow one another. */
export const lengthOf = (pieces: ReadonlyArray<Uint8Array>): number => {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
};

export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const joined = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
};

/** `target[i] ^= mask[i]` for the length of `target`; `mask` is at least as long. */
export const xorInPlace = (target: Uint8Array, mask: Uint8Array): void => {
  let at = 0;
  if (target.length > viewlessMax) {
    const [to, by] = [viewOf(target), viewOf(mask)];
    for (; at + 4 <= target.length; at += 4) to.setInt32(at, to.getInt32(at) ^ by.getInt32(at));
  }
  for (; at < target.length; at++) target[at]! ^= mask[at]!;
};

/** Overwrites secrets with zeros. */
export const wipe = (...secrets: ReadonlyArray<Uint8Array>): void => {
  for (const secret of secrets) secret.fill(0);
};

/** True if every byte is zero, in time that depends on the length alone. */
export const isZero = (bytes: Uint8Array): boolean => {
  let seen = 0;
  let at = 0;
  // Most of a padded packet is looked at this way: by aligned words, four at once.
  if (bytes.length > viewlessMax) {
    for (; ((bytes.byteOffset + at) & 3) !== 0; at++) seen |= bytes[at]!;
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, (bytes.length - at) >>> 2);
    const whole = words.length & ~3;
    for (let i = 0; i < whole; i += 4) seen |= words[i]! | words[i + 1]! | words[i + 2]! | words[i + 3]!;
    at += 4 * whole;
  }
  for (; at < bytes.length; at++) seen |= bytes[at]!;
  return seen === 0;
};

const digits = "0123456789abcdef";
const digitCodes = Array.from(digits, (digit) => digit.charCodeAt(0));
/** As many bytes are written at a time. */
const hexedMax = 1024;

// Not added up digit by digit: engines would keep such a text as a tree of its parts, at ten times the memory.
export const toHex = (bytes: Uint8Array): string => {
  if (bytes.length > hexedMax) return toHex(bytes.subarray(0, hexedMax)) + toHex(bytes.subarray(hexedMax));
  const codes: number[] = [];
  for (let at = 0; at < bytes.length; at++) codes.push(digitCodes[bytes[at]! >> 4]!, digitCodes[bytes[at]! & 15]!);
  return String.fromCharCode(...codes);
};

/** The bytes of an even number of hex digits of either case, or null. */
export const fromHex = (text: string): Uint8Array | null => {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
};

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const sextets = new Map([...alphabet].map((letter, value) => [letter, value]));

/** Standard base64 with padding (RFC 4648 §4). */
export const toBase64 = (bytes: Uint8Array): string => {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b, c] = [bytes[i]!, bytes[i + 1] ?? 0, bytes[i + 2] ?? 0];
    const quad = alphabet[a >> 2]! + alphabet[((a & 3) << 4) | (b >> 4)]! + alphabet[((b & 15) << 2) | (c >> 6)]! +
      alphabet[c & 63]!;
    const missing = Math.max(0, i + 3 - bytes.length);
    parts.push(missing === 0 ? quad : quad.slice(0, 4 - missing) + "=".repeat(missing));
  }
  return parts.join("");
};

/** The bytes of strict standard base64 (padding required, unused bits zero, no white space), or null. */
export const fromBase64 = (text: string): Uint8Array | null => {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let [bits, held, at] = [0, 0, 0];
  for (let i = 0; i < text.length - padding; i++) {
    const sextet = sextets.get(text[i]!);
    if (sextet === undefined) return null;
    bits = ((bits << 6) | sextet) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = (bits >> held) & 255;
    }
  }
  return (bits & ((1 << held) - 1)) === 0 ? bytes : null;
};

/** UTF-8, without the platform's TextEncoder, which core does not have. Lone surrogates become U+FFFD. */
export const utf8 = (text: string): Uint8Array => {
  const ascii = new Uint8Array(text.length);
  let at = 0;
  for (; at < text.length && text.charCodeAt(at) < 0x80; at++) ascii[at] = text.charCodeAt(at);
  if (at === text.length) return ascii;
  const bytes: number[] = [];
  for (const letter of text) {
    let point = letter.codePointAt(0)!;
    if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
  }
  return Uint8Array.from(bytes);
};

/** The text of strictly valid UTF-8 (no overlong forms, no surrogates), or null. */
export const fromUtf8 = (bytes: Uint8Array): string | null => {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length;) {
    const lead = bytes[i]!;
    const length = lead < 0x80
      ? 1
      : lead >= 0xc2 && lead < 0xe0
      ? 2
      : lead >= 0xe0 && lead < 0xf0
      ? 3
      : lead >= 0xf0 && lead < 0xf5
      ? 4
      : 0;
    if (length === 0 || i + length > bytes.length) return null;
    let point = length === 1 ? lead : lead & (0x7f >> length);
    for (let k = 1; k < length; k++) {
      const next = bytes[i + k]!;
      if ((next & 0xc0) !== 0x80) return null;
      point = (point << 6) | (next & 63);
    }
    const least = length === 3 ? 0x800 : length === 4 ? 0x10000 : 0;
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return null;
    parts.push(String.fromCodePoint(point));
    i += length;
  }
  return parts.join("");
};

/**
 * Engines keep byte strings up to this length without a buffer, which is made when it is first asked for: a view of
 * them costs more than all that is done with it.
 */
const viewlessMax = 64;

/** A view for integers at offsets. */
export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const uint32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, value);
  return bytes;
};

/** 8 bytes big-endian of a non-negative safe integer. */
export const uint64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  writeUint32(bytes, 0, Math.floor(value / 2 ** 32));
  writeUint32(bytes, 4, value);
  return bytes;
};

/** Sets the 4 bytes at `offset`, which are there, to `value` modulo 2^32. */
export const writeUint32 = (bytes: Uint8Array, offset: number, value: number): void => {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
};

/** The 4 bytes at `offset`, which are there. */
export const readUint32 = (bytes: Uint8Array, offset: number): number =>
  (bytes[offset]! * 2 ** 24) + ((bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!);

/** The 8 bytes at `offset`, which are there, as a safe integer, or null where the value is 2^53 or more. */
export const readUint64 = (bytes: Uint8Array, offset: number): number | null => {
  const high = readUint32(bytes, offset);
  return high < 2 ** 21 ? high * 2 ** 32 + readUint32(bytes, offset + 4) : null;
};
