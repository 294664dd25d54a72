/**
 * Installs what a folder's package-lock.json lists, when it is not installed already. Plain JavaScript, since it runs before
 * anything is installed; npm's output goes to standard error, so that standard output stays a program's own.
 *
 *     node cmd/install.mjs        what running needs, as `npm start` does
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const packagesOf = (file) => JSON.parse(readFileSync(file, "utf8")).packages;

/** npm writes what it installed to node_modules/.package-lock.json: same versions there mean that there is nothing to do. */
const isInstalled = (folder, runtimeOnly) => {
  const record = join(folder, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const installed = packagesOf(record);
  return Object.entries(packagesOf(join(folder, "package-lock.json")))
    // Optional packages are for some platforms only.
    .filter(([path, { dev, optional, devOptional }]) =>
      path !== "" && !optional && !(runtimeOnly && (dev || devOptional))
    )
    .every(([path, { version }]) => installed[path]?.version === version);
};

const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];

/** Ends the process with npm's exit code where the installation fails. */
export const installFrom = (folder, { runtimeOnly = false } = {}) => {
  if (isInstalled(folder, runtimeOnly)) return;
  const options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", ...(runtimeOnly ? ["--omit=dev"] : [])];
  console.error(`installing packages: npm ${options.join(" ")}`);
  const [program, ...before] = npm;
  const { status, error } = spawnSync(program, [...before, ...options], { cwd: folder, stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  console.error(error === undefined ? "npm could not install the packages" : `npm could not be run: ${error.message}`);
  process.exit(status ?? 69);
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  installFrom(join(dirname(fileURLToPath(import.meta.url)), ".."), { runtimeOnly: true });
}
