/**
 * The test command: installs what the tests need, compiles core and the whole tree, runs every *.test.ts under conformance/
 * on Node and the same files on Deno, and ends with one line of totals.
 *
 *     node conformance/run.mjs [--long] [--only node|deno] [PART OF A PATH …]
 *
 * `--long` raises the counts of sweeps (SAMTPFOTE_LONG=1 for the tests). Plain JavaScript, since it runs before anything is
 * installed.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { installFrom } from "../cmd/install.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const toolsFolder = join(root, "conformance", "tools");
const arguments_ = process.argv.slice(2);
if (arguments_.includes("--help") || arguments_.includes("-h")) {
  console.log(`usage: npm test [-- [--long] [--only node|deno] [PART OF A PATH …]]

Runs the tests whose paths have one of the parts, or all of them, on Node and on Deno.

      --long   with more seeds and counts (npm run test:long)
      --only   one of the runtimes
  -h, --help   this text`);
  process.exit();
}
const long = arguments_.includes("--long");
const onlyAt = arguments_.indexOf("--only");
const only = onlyAt === -1 ? null : arguments_[onlyAt + 1];
const parts = arguments_.filter((argument, at) => !argument.startsWith("--") && (onlyAt === -1 || at !== onlyAt + 1));

const testFiles = () =>
  readdirSync(join(root, "conformance"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts") && !entry.parentPath.includes("node_modules"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .sort();

/** Runs a program in the project's root, shows what it prints, and gives back its exit code and its output. */
const run = (title, program, argumentList, environment = {}) =>
  new Promise((resolve) => {
    console.log(`\n=== ${title}`);
    const child = spawn(program, argumentList, {
      cwd: root,
      env: { ...process.env, ...(long ? { SAMTPFOTE_LONG: "1" } : {}), ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const keep = (stream) => (chunk) => {
      output = (output + chunk).slice(-100_000);
      stream.write(chunk);
    };
    child.stdout.on("data", keep(process.stdout));
    child.stderr.on("data", keep(process.stderr));
    child.on("error", (error) => resolve({ code: 1, output: String(error) }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });

const number = (output, pattern) => Number(pattern.exec(output)?.[1] ?? 0);

const compile = async () => {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const core = await run("Types of core (no platform)", process.execPath, [compiler, "-p", "core"]);
  const whole = await run("Types of the whole tree", process.execPath, [compiler, "-p", "."]);
  return {
    name: "types",
    passed: Number(core.code === 0) + Number(whole.code === 0),
    failed: Number(core.code !== 0) + Number(whole.code !== 0),
  };
};

/** Real processes need the machine for themselves: their tests run one after the other, when all others are done. */
const inTurns = (files) => {
  const alone = files.filter((file) => file.includes("conformance/interop/"));
  const together = files.filter((file) => !alone.includes(file));
  return [["", together, 2], [", real processes", alone, 1]].filter(([, some]) => some.length > 0);
};

const sum = (results) => results.reduce((total, result) => total + result, 0);

const inAll = async (name, files, runSome) => {
  const results = [];
  for (const [which, some, atOnce] of inTurns(files)) results.push(await runSome(which, some, atOnce));
  const failed = sum(results.map(({ code, failed }) => (code !== 0 && failed === 0 ? 1 : failed)));
  return { name, passed: sum(results.map(({ passed }) => passed)), failed };
};

/** A test that failed may have left a process behind, which would keep its file's process from ending. */
const [major, minor] = process.versions.node.split(".").map(Number);
const forceExit = major > 21 || (major === 20 && minor >= 14) ? ["--test-force-exit"] : [];

const onNode = (files) =>
  inAll("node", files, async (which, some, atOnce) => {
    const options = ["--import", "tsx", "--test", "--test-reporter=spec", `--test-concurrency=${atOnce}`, ...forceExit];
    const title = `Tests on Node ${process.version}${which}`;
    const { code, output } = await run(title, process.execPath, [...options, ...some]);
    return { code, passed: number(output, /^ℹ pass (\d+)/m), failed: number(output, /^ℹ fail (\d+)/m) };
  });

const onDeno = (files) =>
  inAll("deno", files, async (which, some, atOnce) => {
    const deno = join(toolsFolder, "node_modules", ".bin", "deno");
    const options = ["test", "--allow-all", "--no-check", "--quiet", ...(atOnce > 1 ? ["--parallel"] : [])];
    const environment = { DENO_JOBS: String(atOnce), NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
    const { code, output } = await run(`Tests on Deno${which}`, deno, [...options, ...some], environment);
    return {
      code,
      passed: number(output, /\| (\d+) passed/),
      failed: number(output, /passed[^|]*\| (\d+) failed/),
    };
  });

installFrom(root);
installFrom(toolsFolder);
const files = testFiles();
if (files.length === 0) {
  console.error("no test file matches");
  process.exit(1);
}
const results = [];
if (parts.length === 0) results.push(await compile());
if (only !== "deno") results.push(await onNode(files));
if (only !== "node") results.push(await onDeno(files));

console.log(
  `\n=== ${results.map(({ name, passed, failed }) => `${name}: ${passed} passed, ${failed} failed`).join("; ")}`,
);
const total = (key) => sum(results.map((result) => result[key]));
const empty = results.some(({ passed }) => passed === 0);
console.log(`${total("passed")} passed, ${total("failed")} failed`);
process.exit(total("failed") > 0 || empty ? 1 : 0);
