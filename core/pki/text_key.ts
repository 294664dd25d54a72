/**
 * Public keys as text in configuration files (wire-facts §3).
 *
 * @module
 */
import { fromBase64, fromHex } from "../bytes.ts";

const keyLength = 32;

const ofKeyLength = (bytes: Uint8Array | null): Uint8Array | null => (bytes?.length === keyLength ? bytes : null);

/** A 32-byte key in base16 or, where it is not that, in standard base64; null for anything else. */
export const keyFromText = (text: string): Uint8Array | null => ofKeyLength(fromHex(text) ?? fromBase64(text));

/** An authority's link key, which the Go programs read in base64 only. */
export const linkKeyFromText = (text: string): Uint8Array | null => ofKeyLength(fromBase64(text));
