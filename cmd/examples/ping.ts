/**
 * A first application: asks a service of a mix network, and shows the way there and back.
 *
 *     npx tsx cmd/examples/ping.ts alice/client.toml loop
 */
import { accountOf } from "samtpfote/account";
import { ClientError, connect } from "samtpfote/client";

const [file, service = "loop"] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: ping CLIENT.TOML [SERVICE]");
  process.exit(64);
}

const client = await connect(accountOf(file));
try {
  const signal = AbortSignal.timeout(120_000);
  const { path, returnPath, rttMs } = await client.ping(service, null, { signal });
  console.log(`${service} at ${path.at(-1)} answered after ${Math.round(rttMs)} ms`);
  console.log(`there: ${path.join(" > ")}`);
  console.log(`back: ${returnPath.join(" > ")}`);
} catch (error) {
  if (!(error instanceof ClientError)) throw error;
  console.error(`no answer: ${error.code}`);
  process.exitCode = 69;
} finally {
  await client.close();
}
