/**
 * One request to a plugin: POST over HTTP/1.1 to host `unix` at a Unix socket (wire-facts §8.2). Each has a connection
 * of its own, so that what a plugin sends too much of is never taken for the answer to another request.
 *
 * @module
 */
import { request } from "node:http";
import type { PluginFailure } from "../core/effects.ts";

export interface PostOptions {
  readonly socketPath: string;
  readonly path: string;
  readonly body: Uint8Array;
  /** Longer answers are not read to their end. */
  readonly bodyLengthMax: number;
}

export type PostResult =
  | { readonly ok: true; readonly body: Uint8Array }
  | { readonly ok: false; readonly reason: PluginFailure };

export interface Post {
  readonly result: Promise<PostResult>;
  /** Breaks the connection: the result is `broken`. */
  readonly cancel: () => void;
}

const okStatus = 200;

/** What connecting fails with where nobody listens: the request has not been received. */
const unreachable = new Set(["ECONNREFUSED", "ENOENT", "ENOTSOCK", "EACCES", "ENOTDIR"]);

/** The result never rejects. It has no deadline: whoever asks has one, and cancels. */
export const post = ({ socketPath, path, body, bodyLengthMax }: PostOptions): Post => {
  let cancel = (): void => {};
  const result = new Promise<PostResult>((resolve) => {
    const fail = (reason: PluginFailure): void => {
      resolve({ ok: false, reason });
      outgoing.destroy();
    };
    const outgoing = request({
      socketPath,
      path,
      method: "POST",
      agent: false,
      headers: {
        Host: "unix",
        "Content-Type": "application/octet-stream",
        "Content-Length": body.length,
        Connection: "close",
      },
    }, (incoming) => {
      if (incoming.statusCode !== okStatus) return fail("status");
      const chunks: Uint8Array[] = [];
      let length = 0;
      incoming.on("data", (chunk: Uint8Array) => {
        length += chunk.length;
        if (length > bodyLengthMax) fail("too-long");
        else chunks.push(chunk);
      });
      incoming.on("end", () => {
        // An answer that breaks off ends, too, but is not complete.
        if (incoming.complete) resolve({ ok: true, body: new Uint8Array(Buffer.concat(chunks)) });
        else fail("broken");
      });
      incoming.on("error", () => fail("broken"));
      incoming.on("aborted", () => fail("broken"));
    });
    outgoing.on(
      "error",
      ({ code }: NodeJS.ErrnoException) => fail(unreachable.has(code ?? "") ? "unreachable" : "broken"),
    );
    outgoing.on("close", () => resolve({ ok: false, reason: "broken" }));
    outgoing.end(body);
    cancel = () => fail("broken");
  });
  return { result, cancel };
};
