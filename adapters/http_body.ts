/**
 * The body of an HTTP request, which has a bound.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";

/** The same bytes, and no Buffer. */
const bytesOf = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array => new Uint8Array(buffer, byteOffset, length);

/** All of a body; null where it is longer than `lengthMax` bytes. Rejects where the connection breaks. */
export const readBody = (request: IncomingMessage, lengthMax: number): Promise<Uint8Array | null> =>
  new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    request.on("data", (chunk: Uint8Array) => {
      length += chunk.length;
      if (length > lengthMax) resolve(null);
      else chunks.push(chunk);
    });
    request.on("end", () => resolve(bytesOf(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))));
    request.on("error", reject);
  });
