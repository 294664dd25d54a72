/**
 * A client of a plugin's Unix socket that costs as little as it can, since it shares the processors with what is
 * measured: HTTP/1.1 by hand, bodies made beforehand, answers looked at afterwards.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect } from "node:net";

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

interface Answer {
  readonly chunks: Buffer[];
  length: number;
  /** Of head and body; Infinity until the head is there. */
  whole: number;
  bodyAt: number;
}

const newAnswer = (): Answer => ({ chunks: [], length: 0, whole: Infinity, bodyAt: 0 });

const readHead = (answer: Answer): void => {
  const bytes = Buffer.concat(answer.chunks);
  const end = bytes.indexOf(headEnd);
  if (end < 0) return;
  const head = bytes.toString("latin1", 0, end);
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  assert.equal(head.startsWith("HTTP/1.1 200 ") && length !== undefined, true, head);
  answer.bodyAt = end + headEnd.length;
  answer.whole = answer.bodyAt + Number(length);
};

const take = (answer: Answer, chunk: Buffer): Uint8Array | null => {
  answer.chunks.push(chunk);
  answer.length += chunk.length;
  if (answer.whole === Infinity) readHead(answer);
  return answer.length < answer.whole ? null : new Uint8Array(Buffer.concat(answer.chunks)).subarray(answer.bodyAt);
};

/** Posts all bodies, `atOnce` under way; the answers' bodies in the same order. Rejects where a connection breaks. */
export const postAll = (load: Load): Promise<ReadonlyArray<Uint8Array>> => {
  const { socketPath, path, bodies, atOnce, keepsConnections } = load;
  const answers = new Array<Uint8Array>(bodies.length);
  let next = 0;
  const headOf = (length: number): string =>
    `POST ${path} HTTP/1.1\r\nHost: unix\r\nContent-Type: application/octet-stream\r\n` +
    `Content-Length: ${length}\r\n${keepsConnections ? "" : "Connection: close\r\n"}\r\n`;

  /** A connection until it is not used again; resolves then. */
  const converse = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(socketPath);
      let at = -1;
      let answer = newAnswer();
      const send = (): void => {
        at = next++;
        const body = bodies[at]!;
        socket.cork();
        socket.write(headOf(body.length), "latin1");
        socket.write(body);
        socket.uncork();
      };
      const end = (): void => {
        socket.destroy();
        resolve();
      };
      socket.on("data", (chunk: Buffer) => {
        const body = take(answer, chunk);
        if (body === null) return;
        answers[at] = body;
        answer = newAnswer();
        if (!keepsConnections || next >= bodies.length) end();
        else send();
      });
      socket.on("error", reject).on("end", () => reject(new Error("the plugin closed the connection")));
      send();
    });

  const worker = async (): Promise<void> => {
    while (next < bodies.length) await converse();
  };
  return Promise.all(Array.from({ length: atOnce }, worker)).then(() => answers);
};
