/**
 * Starts store_worker.ts. Plain JavaScript, since Node 20 does not pass tsx's loader on to workers; Deno needs no loader.
 */
if (globalThis.Deno === undefined) {
  const { register } = await import("tsx/esm/api");
  register();
}
await import("./store_worker.ts");
