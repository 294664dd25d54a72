/** What a browser loads of core: a client, its portable crypto and the network's geometry, bundled as a site would. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { brotliCompressSync, constants } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { root } from "./sources.ts";

const entry = `
  export { bootClient, createClientSystem } from "./core/client/system.ts";
  export { nobleSuite } from "./core/crypto/noble.ts";
  export { katzenpostGeometry } from "./core/sphinx/geometry.ts";
`;

interface Bundle {
  readonly text: string;
  readonly inputs: Metafile["inputs"];
}

/** Minified for browsers; package.json's `browser` applies, licences go into a file of their own. */
const bundle = async (contents: string): Promise<Bundle> => {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: root, loader: "ts" },
    bundle: true,
    minify: true,
    format: "iife",
    globalName: "samtpfote",
    target: "es2022",
    platform: "browser",
    legalComments: "external",
    external: ["node:*"],
    outfile: "client.js",
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const { text } = outputFiles.find(({ path }) => path.endsWith("client.js"))!;
  return { text, inputs: metafile.inputs };
};

/** As sites serve it: brotli at its best, which is done once. */
const compressedLength = (text: string): number =>
  brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }).length;

const platformImports = ({ inputs }: Bundle): ReadonlyArray<string> =>
  Object.values(inputs).flatMap(({ imports }) => imports).map(({ path }) => path).filter((path) =>
    path.startsWith("node:")
  );

const compressedBytesMax = 60 * 1024;

test("what a browser needs of core is small, compressed", async () => {
  const made = await bundle(entry);
  assert.equal(Object.keys(made.inputs).length > 60, true, "the bundle is whole");
  const bytes = compressedLength(made.text);
  console.log(`a browser's bundle of core: ${made.text.length} bytes, ${bytes} with brotli`);
  assert.equal(bytes <= compressedBytesMax, true, `${bytes} bytes compressed`);
});

test("what a browser needs of core imports nothing of Node, and runs where only the language is", async () => {
  const made = await bundle(entry);
  assert.deepEqual(platformImports(made), []);
  const browser = createContext({ TextEncoder, TextDecoder });
  const kinds: unknown = runInContext(
    `${made.text};
     const { createClientSystem, katzenpostGeometry, nobleSuite } = samtpfote;
     const system = createClientSystem({ suite: nobleSuite, geometry: katzenpostGeometry });
     [typeof system.start, nobleSuite.sha256(new Uint8Array(0))[0]].join()`,
    browser,
  );
  assert.equal(kinds, "function,227");
});

test("a planted import of Node is seen", async () => {
  assert.deepEqual(platformImports(await bundle(`import { cpus } from "node:os"; console.log(cpus());`)), ["node:os"]);
});
