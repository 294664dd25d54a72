/**
 * A process that another program started with `--supervised`: it says that it is loaded, waits for a line on its
 * standard input before it reads its configuration, and ends when its standard input is closed, that is, also when the
 * other program is killed.
 *
 * @module
 */

/** The line that says so, of the form of JSON log lines. */
export const loadedReason = "loaded";

/** Resolves when the line has come. */
export const waitForGo = (): Promise<void> =>
  new Promise((resolve) => {
    console.log(JSON.stringify({ reason: loadedReason }));
    process.stdin.on("data", () => resolve());
    process.stdin.on("end", () => process.exit(0));
    process.stdin.on("error", () => process.exit(0));
  });
