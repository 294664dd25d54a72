/**
 * `npm run bench [-- --json]`: what the network's operations cost, on this runtime. Each is first checked for a right
 * result.
 *
 * With `--json` one line each: `{name, runtime, opsPerSecond, inX25519}`, where `inX25519` is the time in units
 * (measure.ts).
 *
 * @module
 */
import process from "node:process";
import { handshakes } from "./handshake.ts";
import { measure, runtime, show } from "./measure.ts";
import { packets } from "./packets.ts";
import { primitives } from "./primitives.ts";

const json = process.argv.includes("--json");
if (!json) console.log(`${runtime}: medians of interleaved rounds; the unit is one X25519 on prepared key objects`);
for (const result of measure([...primitives(), ...packets(), ...handshakes()])) console.log(show(result, json));
