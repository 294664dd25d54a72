/**
 * A client of a plugin's Unix socket that costs as little as it can, since it shares the processors with what is
 * measured: HTTP/1.1 by hand, requests made beforehand, answers put together afterwards.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { concat } from "../../core/bytes.ts";

export interface Load {
  readonly socketPath: string;
  readonly path: string;
  readonly bodies: ReadonlyArray<Uint8Array>;
  /** Requests at once, each over a connection. */
  readonly atOnce: number;
  /** Is a connection kept for further requests, or is each request's its own, as our Providers do? */
  readonly keepsConnections: boolean;
}

const headEnd = "\r\n\r\n";

/** Longer than any answer: 51,198 bytes, their envelope and a head. */
const answerLengthMax = 52 * 1024;

/** An answer that is on its way, in memory that was touched before. */
interface Answer {
  readonly bytes: Buffer;
  length: number;
  /** Of head and body; Infinity until the head is there. */
  whole: number;
}

const newAnswer = (): Answer => ({ bytes: Buffer.alloc(answerLengthMax, 1), length: 0, whole: Infinity });

const wholeLength = ({ bytes, length: there }: Answer): number => {
  const end = bytes.subarray(0, there).indexOf(headEnd);
  if (end < 0) return Infinity;
  const head = bytes.toString("latin1", 0, end);
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  assert.equal(head.startsWith("HTTP/1.1 200 ") && length !== undefined, true, head);
  return end + headEnd.length + Number(length);
};

/** Takes a part of an answer; true for the last. */
const take = (answer: Answer, part: Uint8Array): boolean => {
  answer.bytes.set(part, answer.length);
  answer.length += part.length;
  if (answer.whole === Infinity) answer.whole = wholeLength(answer);
  return answer.length >= answer.whole;
};

const bodyOf = ({ bytes, whole }: Answer): Uint8Array =>
  new Uint8Array(bytes.subarray(bytes.indexOf(headEnd) + headEnd.length, whole));

const requestOf = ({ path, keepsConnections }: Load, body: Uint8Array): Uint8Array => {
  const head = `POST ${path} HTTP/1.1\r\nHost: unix\r\nContent-Type: application/octet-stream\r\n` +
    `Content-Length: ${body.length}\r\n${keepsConnections ? "" : "Connection: close\r\n"}\r\n`;
  return concat(Buffer.from(head), body);
};

export interface Posted {
  /** Bodies, in the order of the requests. */
  readonly answers: () => ReadonlyArray<Uint8Array>;
}

/** Requests made beforehand: the result posts them all, `atOnce` under way, and rejects where a connection breaks. */
export const prepareLoad = (load: Load): () => Promise<Posted> => {
  const requests = load.bodies.map((body) => requestOf(load, body));
  const answers = requests.map(newAnswer);
  const buffer = new Uint8Array(64 * 1024);
  let next = 0;

  /** A connection until it is not used again; resolves then. All read into one buffer. */
  const converse = (): Promise<void> =>
    new Promise((resolve, reject) => {
      let at = -1;
      const received = (length: number): boolean => {
        if (!take(answers[at]!, buffer.subarray(0, length))) return true;
        if (load.keepsConnections && next < requests.length) send();
        else {
          socket.destroy();
          resolve();
        }
        return true;
      };
      const socket = connect({ path: load.socketPath, onread: { buffer, callback: received } });
      const send = (): void => {
        at = next++;
        socket.write(requests[at]!);
      };
      socket.on("error", reject).on("end", () => reject(new Error("the plugin closed the connection")));
      send();
    });

  const worker = async (): Promise<void> => {
    while (next < requests.length) await converse();
  };
  return async () => {
    await Promise.all(Array.from({ length: load.atOnce }, worker));
    return { answers: () => answers.map(bodyOf) };
  };
};
