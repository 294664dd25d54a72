/**
 * What a generated network's Providers offer, read back as the programs read it: services, and with `--spools` a spool
 * plugin each, with a store of its own and an account that its replicas use.
 */
import assert from "node:assert/strict";
import { accessSync, constants, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openAccount } from "../../../adapters/account.ts";
import { clientFile } from "../../../adapters/config/client.ts";
import { clockOf } from "../../../adapters/config/common.ts";
import { loadConfig } from "../../../adapters/config/load.ts";
import { serverFile } from "../../../adapters/config/server.ts";
import { pluginServiceOf } from "../../../adapters/config/server_plugins.ts";
import { nativeSuite } from "../../../adapters/crypto_native.ts";
import { planNetwork, portsOf, writeNetwork } from "../../../adapters/network_plan.ts";
import { parseFlags } from "../../../adapters/plugin_kit.ts";
import { readSpoolFlags } from "../../../adapters/spool_flags.ts";
import { createEpochClock } from "../../../core/pki/epoch.ts";
import { completeParameters } from "../../../core/pki/parameters.ts";
import { E } from "../../../core/fp.ts";

const size = { authorities: 1, layers: 1, mixesPerLayer: 1, providers: 3 };
const clock = createEpochClock(90_000, 1_600_000_000_000);

let root = "";
before(() => (root = mkdtempSync(join(tmpdir(), "samtpfote-plan-"))));
after(() => rmSync(root, { recursive: true, force: true }));

const generate = (name: string, spools: number) => {
  const parameters = completeParameters({});
  if (E.isLeft(parameters)) return assert.fail(parameters.left);
  const plan = planNetwork(nativeSuite, {
    ...size,
    folder: join(root, name),
    nonvoting: false,
    host: "127.0.0.1",
    ports: Array.from({ length: portsOf(size) }, (_, index) => 20_000 + index),
    clients: ["alice"],
    spools,
    parameters: parameters.right,
  });
  writeNetwork(plan, { clock, logFormat: "text", logLevel: "NOTICE", reconnectStepMs: 500, dwellMs: null });
  return plan.providers.map((place) => ({ place, file: loadConfig(serverFile, place.file) }));
};

test("a spool plugin at each Provider has a store and an account of its own, and the network's epochs", () => {
  const providers = generate("with", 3);
  const seen = providers.map(({ place, file }) => {
    const [plugin, ...others] = file.Provider!.CBORPluginKaetzchen.map(pluginServiceOf);
    assert.deepEqual([plugin!.capability, plugin!.endpoint, others.length], ["spool", "+spool", 0]);
    accessSync(plugin!.command, constants.X_OK);
    const flags = readSpoolFlags(parseFlags(plugin!.args)!);
    assert.equal(flags.dataStore, join(place.folder, "spool", "store"));
    assert.equal(statSync(flags.dataStore).mode & 0o777, 0o700);
    assert.equal(flags.replicas > 0, true, "it takes replicas");
    const account = loadConfig(clientFile, flags.client!);
    assert.equal(statSync(flags.client!).mode & 0o777, 0o600);
    assert.deepEqual([account.Account?.User, account.Account?.Provider], ["spool", place.name]);
    assert.equal(account.Registration!.Address, place.registrationAddress, "it can make the account");
    assert.deepEqual(clockOf(account.Samtpfote), clock);
    assert.equal(file.Samtpfote.Plugins.RequestsAtOnce > 1, true, "what comes together is made durable together");
    const { keys } = openAccount(account, flags.client!, nativeSuite);
    return [flags.dataStore, flags.client, keys.identityKey.join()];
  });
  assert.equal(new Set(seen.flat()).size, 9, "nothing of it is shared");
});

test("only the Providers that are to keep spools have the plugin", () => {
  const plugins = (spools: number) =>
    generate(`${spools} of 3`, spools).map(({ file }) => file.Provider!.CBORPluginKaetzchen.length);
  assert.deepEqual([plugins(0), plugins(1)], [[0, 0, 0], [0, 0, 1]]);
});

test("[KAETZ-3-03] [KAETZ-3-04] the services of generated Providers have addresses that begin with + and are dot-atoms", () => {
  for (const { file: { Provider: provider } } of generate("services", 3)) {
    const endpoints = [...provider!.Kaetzchen, ...provider!.CBORPluginKaetzchen].map(({ Endpoint }) => Endpoint);
    assert.deepEqual(endpoints, ["+loop", "+keyserver", "+spool"]);
    const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
    for (const endpoint of endpoints) assert.match(endpoint, new RegExp(`^${atom}(\\.${atom})*$`));
  }
});
