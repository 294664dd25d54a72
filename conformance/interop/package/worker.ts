/**
 * A worker of the unwrap pool as the installed package starts it (package.test.ts): plain JavaScript, without a loader.
 * The pool is no export of the package: its file is the argument.
 *
 * @module
 */
import { pathToFileURL } from "node:url";
import { katzenpostGeometry as geometry } from "samtpfote/core/sphinx/geometry";

const { createUnwrapPool } = await import(pathToFileURL(process.argv[2]!).href);
const onBug = (error: Error): never => {
  throw error;
};
const pool = createUnwrapPool({ workers: 1, crypto: "native", geometry, onBug });
// A frame that does not decrypt.
const sealed = {
  cipher: { key: new Uint8Array(32), nonce: 0 },
  pieces: [new Uint8Array(6 + geometry.packetLength + 16)],
};
const keys = [{ epoch: 1, privateKey: new Uint8Array(32).fill(3) }];
pool.perform(
  { type: "Unwrap", id: 1, sealed, keys },
  ({ result }: { readonly result: { readonly reason?: string } }) => {
    console.log(result.reason);
    void pool.close();
  },
);
