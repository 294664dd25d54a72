/**
 * The package as npm users have it: built, packed, installed in an empty project outside of this folder, type-checked
 * strictly, imported and used on Node 20 or newer, 24 and 26. On Node only: the package is for npm, and Deno runs the
 * sources.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { isDeno } from "../house/runtimes.ts";
import { root } from "./process.ts";

const skip = isDeno ? "the package is for npm; Deno runs the sources" : false;

let project = "";
let listing: ReadonlyArray<string> = [];

const strictConsumer = {
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2023"],
    module: "nodenext",
    moduleResolution: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
  },
  include: ["*.ts"],
};

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (cwd: string, program: string, args: ReadonlyArray<string>): Outcome =>
  spawnSync(program, args, { cwd, encoding: "utf8", maxBuffer: 1 << 26, env: { ...process.env, NO_COLOR: "1" } });

const succeed = (cwd: string, program: string, ...args: ReadonlyArray<string>): string => {
  const { status, stdout, stderr } = run(cwd, program, args);
  assert.equal(status, 0, `${basename(program)} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
};

const inPackage = (path: string): string => join(project, "node_modules/samtpfote", path);

/** Where no registry can be reached: unpacked, beside the dependencies that are installed here. */
const installLinked = (tarball: string): void => {
  const modules = join(project, "node_modules");
  rmSync(modules, { recursive: true, force: true });
  mkdirSync(inPackage(""), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")).filter((name) => !name.startsWith("."))) {
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  succeed(project, "tar", "xzf", tarball, "-C", inPackage(""), "--strip-components=1");
};

const install = (tarball: string): void => {
  const quiet = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"];
  const { status, stderr } = run(project, "npm", ["install", ...quiet, tarball]);
  if (status === 0) return;
  console.log(`npm could not install (${/code (\S+)/.exec(stderr)?.[1] ?? status}): dependencies are linked`);
  installLinked(tarball);
};

before(() => {
  if (isDeno) return;
  project = mkdtempSync(join(tmpdir(), "samtpfote-package-"));
  succeed(root, "npm", "run", "--silent", "build");
  const pack = ["pack", "--ignore-scripts", "--silent", "--json", "--pack-destination", project];
  const [packed] = JSON.parse(succeed(root, "npm", ...pack)) as [
    { readonly filename: string; readonly files: ReadonlyArray<{ readonly path: string }> },
  ];
  listing = packed.files.map(({ path }) => path);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  install(join(project, packed.filename));
  for (const name of ["packet.ts", "plugin.ts", "worker.ts"]) {
    copyFileSync(join(root, "conformance/interop/package", name), join(project, name));
  }
  copyFileSync(join(root, "cmd/examples/ping.ts"), join(project, "ping.ts"));
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(strictConsumer));
});

after(() => {
  if (project !== "") rmSync(project, { recursive: true, force: true });
});

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const modules = Object.keys(manifest.exports).filter((name) => name !== "./package.json");

test("the package holds the program and its pages: no sources, tests, vectors or keys", { skip }, () => {
  const pages = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];
  const others = listing.filter((path) => !/^dist\/(core|adapters|cmd)\/[a-z0-9_/]+\.(js|d\.ts)$/.test(path));
  assert.deepEqual(others.sort(), pages);
  assert.equal(listing.some((path) => /conformance|toy_suite|examples|\/sim\.|\/conform\./.test(path)), false);
  const named = [...Object.values(manifest.exports), ...Object.values(manifest.bin)]
    .flatMap((target) => typeof target === "string" ? [target] : [target.types, target.default])
    .map((path) => path.replace(/^\.\//, ""));
  assert.deepEqual(named.filter((path) => !listing.includes(path)), []);
});

test(
  "[SEED-6-02] applications of the package compile strictly, its declarations and those of its dependencies too",
  { skip },
  () => {
    const every = modules.map((name, at) => `import * as m${at} from "samtpfote${name.slice(1)}";\nvoid m${at};\n`);
    writeFileSync(join(project, "every.ts"), `${every.join("")}console.log("imported", ${modules.length});\n`);
    succeed(project, process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", ".");
  },
);

test("what the package does not export cannot be imported", { skip }, () => {
  for (const name of ["", "/adapters/shell", "/core/mix/node", "/dist/core/bytes.js", "/core/sphinx/kdf"]) {
    const { stderr } = run(project, process.execPath, [
      "--input-type=module",
      "-e",
      `await import("samtpfote${name}")`,
    ]);
    assert.match(stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED/, name);
  }
});

/** POST /parameters to a plugin that has just been started, as a Provider asks; the plugin is ended. */
const parametersOf = async (node: string): Promise<string> => {
  const child: ChildProcess = spawn(node, ["plugin.js"], { cwd: project, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  try {
    const socketPath = await new Promise<string>((resolve) =>
      child.stdout!.setEncoding("utf8").once("data", (text: string) => resolve(text.trim()))
    );
    return await new Promise((resolve, reject) => {
      const asked = request({ socketPath, path: "/parameters", method: "POST" }, (response) => {
        let body = "";
        response.setEncoding("latin1").on("data", (text: string) => (body += text)).on("end", () => resolve(body));
      });
      asked.on("error", reject).end();
    });
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
};

const toolNode = (version: number): string => join(root, `conformance/tools/node_modules/node${version}/bin/node`);

const runtimes: ReadonlyArray<readonly [name: string, node: string]> = [
  ["the Node of the tests", process.execPath],
  ["Node 24", toolNode(24)],
  ["Node 26", toolNode(26)],
];

for (const [name, node] of runtimes) {
  const missing = !isDeno && !existsSync(node) && `not run: ${name} is installed for Linux on x64 only`;
  const mayMiss = process.env["REQUIRE_ALL"] === undefined;
  test(
    `on ${name} the package is imported, unwraps packets (in a worker, too), is a plugin and a command`,
    {
      skip: skip || (mayMiss && missing),
    },
    async () => {
      assert.equal(missing, false);
      assert.equal(succeed(project, node, "every.js"), `imported ${modules.length}\n`);
      assert.equal(succeed(project, node, "packet.js"), "native: 51200 bytes of 42\nnoble: 51200 bytes of 42\n");
      const pool = inPackage("dist/adapters/unwrap_pool.js");
      assert.equal(succeed(project, node, "worker.js", pool), "frame\n", "a frame of zeros is refused by the worker");
      // CBOR: a map of one pair, texts of 7 and 1 bytes.
      assert.equal(await parametersOf(node), "\xa1\x67version\x611");
      const command = inPackage(manifest.bin["samtpfote"]!);
      assert.match(succeed(project, node, command, "--help"), /^usage: samtpfote COMMAND/);
      assert.equal(succeed(project, node, command, "--version"), `samtpfote ${manifest.version}\n`);
      // The one that loads most: the store's native code among it.
      assert.match(succeed(project, node, command, "mix", "--help"), /^usage: mix/);
      assert.equal(run(project, node, ["ping.js"]).status, 64);
    },
  );
}

test(
  "the installed commands: usages, exit codes, a network's files, and keys where they are asked for",
  { skip },
  () => {
    const command = inPackage(manifest.bin["samtpfote"]!);
    for (const name of ["authority", "client", "manage", "testnet"]) {
      assert.match(succeed(project, process.execPath, command, name, "--help"), new RegExp(`^usage: ${name}`));
    }
    assert.equal(run(project, process.execPath, [command, "fly"]).status, 64);
    const size = ["--authorities", "1", "--layers", "1", "--mixes", "1", "--providers", "1", "--clients", "alice"];
    const told = succeed(project, process.execPath, command, "genconfig", "net", "--spools", ...size);
    assert.match(told, /npx samtpfote mix -f .*mix1\/mix\.toml/);
    const keys = succeed(project, process.execPath, command, "mix", "-f", "net/mix1/mix.toml", "-g");
    assert.match(keys, /^identity key [A-Za-z0-9+/]{43}=\nlink key {5}[A-Za-z0-9+/]{43}=\n$/);
    const provider = readFileSync(join(project, "net/provider1/provider.toml"), "utf8");
    const plugin = run(project, /Command = "(.*)"/.exec(provider)![1]!, []);
    assert.deepEqual([plugin.status, /-data_store is missing/.test(plugin.stderr)], [64, true], plugin.stderr);
  },
);
