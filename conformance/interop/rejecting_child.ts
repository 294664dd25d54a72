/**
 * A process with a bug: a promise that nobody handles is rejected, or an error is thrown in a timer.
 *
 * @module
 */
import process from "node:process";
import { exitOnBugs } from "../../adapters/daemon.ts";
import { openLogger } from "../../adapters/log.ts";

exitOnBugs(openLogger({ format: "json", level: "NOTICE", output: "stdout", disable: false }));
if (process.argv[2] === "reject") void Promise.reject(new Error("nobody handles it"));
else {
  setTimeout(() => {
    throw new Error("nobody handles it");
  }, 1);
}
setTimeout(() => {}, 60_000);
