/**
 * What the network's operations cost, on this runtime; each is first checked for a right result.
 *
 * @module
 */
import { runCommand, type Values } from "../../adapters/command.ts";
import { exitCode, usageError } from "../../adapters/exit.ts";
import { handshakes } from "./handshake.ts";
import { measure, runtime, show } from "./measure.ts";
import { benchMix } from "./mix_process.ts";
import { packets } from "./packets.ts";
import { primitives } from "./primitives.ts";
import { sendPackets } from "./send_packet.ts";
import { benchSpool } from "./spool.ts";

const usage = `usage: npm run bench [-- OPTIONS]

Measures what the network's operations cost, on this runtime.

      --json             a line {name, runtime, opsPerSecond, inX25519} each: the time in units of one X25519

      --mix              a whole mix process under load instead, some minutes
      --workers=0,1,2    numbers of its workers, one run each
      --packets=2000     packets of a run
      --profile=DIR      CPU profiles of the mix, or of the plugin with --spool
      --flags="…"        flags of its Node
      --unwrap-wait=MS   a worker waits so long with each packet, which takes no processor: whether workers add up,
                         with too few processors

      --spool            the spool plugin's process under load instead
      --requests=4000    requests of a run

  -h, --help             this text
      --version          of samtpfote`;

const options = {
  json: { type: "boolean", default: false },
  mix: { type: "boolean", default: false },
  spool: { type: "boolean", default: false },
  requests: { type: "string", default: "4000" },
  workers: { type: "string", default: "0,1,2" },
  packets: { type: "string", default: "2000" },
  flags: { type: "string", default: "" },
  "unwrap-wait": { type: "string", default: "0" },
  profile: { type: "string" },
} as const;

const benchOperations = async (json: boolean): Promise<void> => {
  if (!json) console.log(`${runtime}: medians of interleaved rounds; the unit is one X25519 on prepared key objects`);
  for (const result of measure([...primitives(), ...packets(), ...handshakes()])) console.log(show(result, json));
  console.log(show(await sendPackets(), json));
};

const bench = async (values: Values<typeof options>): Promise<void> => {
  const { json, mix, spool, profile = null } = values;
  if (mix) {
    await benchMix({
      json,
      workers: values.workers.split(",").map(Number),
      packets: Number(values.packets),
      unwrapWaitMs: Number(values["unwrap-wait"]),
      flags: values.flags.split(" ").filter((flag) => flag !== ""),
      profile,
    });
  } else if (spool) await benchSpool({ json, requests: Number(values.requests), profile });
  else await benchOperations(json);
};

await runCommand({
  name: "bench",
  usage,
  options,
  run: async (values, words) => {
    if (words.length > 0) throw usageError(`no word is expected, got "${words[0]}"`);
    await bench(values);
    return exitCode.ok;
  },
});
