/**
 * `npm run bench [-- --json]`: what the network's operations cost, on this runtime. Each is first checked for a right
 * result.
 *
 * With `--json` one line each: `{name, runtime, opsPerSecond, inX25519}`, where `inX25519` is the time in units
 * (measure.ts).
 *
 * With `--mix` a whole mix process under load instead (mix_process.ts), some minutes: `--workers=0,1,2` and
 * `--packets=2000` unless said otherwise, `--profile=DIR` for CPU profiles of the mix, `--flags="…"` for flags of its
 * Node. With `--unwrap-wait=MS` a worker waits so long with each packet, which takes no processor: whether workers add
 * up, with too few processors.
 *
 * With `--spool` the spool plugin's process under load instead (spool.ts): `--requests=4000` unless said otherwise, and
 * `--profile=DIR`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { handshakes } from "./handshake.ts";
import { measure, runtime, show } from "./measure.ts";
import { benchMix } from "./mix_process.ts";
import { packets } from "./packets.ts";
import { primitives } from "./primitives.ts";
import { sendPackets } from "./send_packet.ts";
import { benchSpool } from "./spool.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    mix: { type: "boolean", default: false },
    spool: { type: "boolean", default: false },
    requests: { type: "string", default: "4000" },
    workers: { type: "string", default: "0,1,2" },
    packets: { type: "string", default: "2000" },
    flags: { type: "string", default: "" },
    "unwrap-wait": { type: "string", default: "0" },
    profile: { type: "string" },
  },
});
const { json, mix, profile = null } = values;

const benchOperations = async (): Promise<void> => {
  if (!json) console.log(`${runtime}: medians of interleaved rounds; the unit is one X25519 on prepared key objects`);
  for (const result of measure([...primitives(), ...packets(), ...handshakes()])) console.log(show(result, json));
  console.log(show(await sendPackets(), json));
};

if (mix) {
  await benchMix({
    json,
    workers: values.workers.split(",").map(Number),
    packets: Number(values.packets),
    unwrapWaitMs: Number(values["unwrap-wait"]),
    flags: values.flags.split(" ").filter((flag) => flag !== ""),
    profile,
  });
} else if (values.spool) {
  await benchSpool({ json, requests: Number(values.requests), profile });
} else await benchOperations();
