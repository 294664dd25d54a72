/**
 * Configuration files: the Go programs' load unchanged, and become what the machines are started with.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromHex, toBase64, toHex } from "../../../core/bytes.ts";
import { nobleSuite } from "../../../core/crypto/noble.ts";
import { katzenpostClock } from "../../../core/pki/epoch.ts";
import { defaultPluginLimits } from "../../../core/provider/plugin_config.ts";
import { authorityConfigOf, authorityFile } from "../../../adapters/config/authority.ts";
import { clientFile, connectOptionsOf, userOf } from "../../../adapters/config/client.ts";
import { parseDuration } from "../../../adapters/config/codec.ts";
import { loadConfig } from "../../../adapters/config/load.ts";
import { isNonvoting, nonvotingConfigOf } from "../../../adapters/config/nonvoting.ts";
import { nodeConfigOf, serverFile } from "../../../adapters/config/server.ts";
import { serverWarnings } from "../../../adapters/config/server_checks.ts";
import type { NodeKeys } from "../../../adapters/keys.ts";
import { type AnyKind, folder, goFile, peer, read, server } from "./config_fixture.ts";

const keys: NodeKeys = {
  identityPrivate: new Uint8Array(64).fill(1),
  identityKey: new Uint8Array(32).fill(2),
  linkPrivate: new Uint8Array(32).fill(3),
  linkKey: new Uint8Array(32).fill(4),
};

/* The Go programs' files */

test("every file of the Go programs loads unchanged", () => {
  const kinds: Record<string, AnyKind> = {
    "authority.toml": authorityFile,
    "catshadow.toml": clientFile,
    "client.toml": clientFile,
    "mix.toml": serverFile,
    "provider.toml": serverFile,
  };
  assert.deepEqual(readdirSync(folder).sort(), Object.keys(kinds));
  for (const [name, kind] of Object.entries(kinds)) loadConfig(kind, join(folder, name));
});

test("[HB-MIX-3-01] [HB-MIX-3-05] a Go mix's file becomes the node's configuration", () => {
  const file = read(serverFile, goFile("mix.toml"));
  const config = nodeConfigOf(file, keys, file.Server.Addresses!);
  assert.equal(config.name, "mix1");
  assert.equal(config.isProvider, false);
  assert.equal(config.provider, null);
  assert.deepEqual(config.addresses, new Map([["tcp4", ["127.0.0.1:30011"]]]));
  assert.deepEqual(config.clock, katzenpostClock);
  const { unwrapDelayMs, sendSlackMs, schedulerMaxBurst, reconnectMinMs, disableRateLimit } = config.limits;
  assert.deepEqual([unwrapDelayMs, sendSlackMs, schedulerMaxBurst, reconnectMinMs, disableRateLimit], [
    3000,
    3000,
    16,
    5_000,
    true,
  ]);
  assert.equal(config.authorities.length, 3);
  assert.equal(
    toHex(config.authorities[0]!.identityKey),
    "5ae6631dbe501932c6c0543f3acf694116d589bb44f517d8e6d5b71ffb9b6d10",
  );
  assert.deepEqual(config.authorities[0]!.addresses, ["127.0.0.1:30001"]);
  assert.deepEqual(serverWarnings(file), []);
});

test("[HB-MIX-4-04] [HB-MIX-4-05] a Go Provider's file becomes the node's configuration; what is not supported yet is named", () => {
  const file = read(serverFile, goFile("provider.toml"));
  const config = nodeConfigOf(file, keys, file.Server.Addresses!);
  assert.deepEqual(config.provider?.services, [
    { capability: "loop", endpoint: "+loop" },
    { capability: "keyserver", endpoint: "+keyserver" },
  ]);
  assert.deepEqual(config.provider?.registration, { enabled: true, advertised: ["http://127.0.0.1:30031"] });
  assert.deepEqual(config.provider?.plugins.map(({ capability, endpoint }) => [capability, endpoint]), [
    ["spool", "+spool"],
    ["panda", "+panda"],
    ["echo", "+echo"],
  ]);
  assert.deepEqual(config.provider?.plugins[0], {
    capability: "spool",
    endpoint: "+spool",
    command: "/usr/lib/katzenpost/memspool",
    args: [
      "-data_store",
      "/var/lib/katzenpost/provider1/memspool.storage",
      "-log_dir",
      "/var/lib/katzenpost/provider1",
    ],
    instances: 1,
  });
  assert.deepEqual(config.provider?.pluginLimits, defaultPluginLimits);
  assert.deepEqual(serverWarnings(file), []);
  const inMemory = read(serverFile, `${goFile("provider.toml")}\n[Samtpfote]\nStore = "memory"`);
  assert.equal(
    serverWarnings(inMemory).at(-1),
    "accounts and mailboxes are kept in memory: they end with this process",
  );
});

test("[HB-AUTH-2-01] [HB-AUTH-2-02] [HB-AUTH-2-03] [HB-AUTH-2-04] [HB-AUTH-3-01] a Go authority's file becomes the authority's configuration", () => {
  const config = authorityConfigOf(read(authorityFile, goFile("authority.toml")), keys);
  assert.equal(config.identifier, "auth1");
  assert.equal(config.peers.length, 2);
  assert.equal(config.mixes.length, 3);
  assert.deepEqual(config.providers.map(({ name }) => name), ["provider1", "provider2"]);
  assert.deepEqual([config.layers, config.minNodesPerLayer, config.certificateExpiration], [3, 1, "go"]);
  assert.deepEqual(config.parameters, {
    sendRatePerMinute: 6000,
    mu: 0.01,
    muMaxDelayMs: 1000,
    lambdaP: 0.002,
    lambdaPMaxDelayMs: 5000,
    lambdaL: 0.0005,
    lambdaLMaxDelayMs: 20_000,
    lambdaD: 0.0005,
    lambdaDMaxDelayMs: 20_000,
    lambdaM: 0.0005,
    lambdaMMaxDelayMs: 20_000,
  });
});

test("a Go client's file becomes the client's options", () => {
  const file = read(clientFile, `${goFile("client.toml")}\n[Account]\nUser = "Alice"\nProvider = "provider1"\n`);
  assert.equal(userOf(file), "alice");
  const clientKeys = { ...keys, identityPrivate: new Uint8Array(32) };
  const options = connectOptionsOf(file, { user: "alice", provider: "provider1" }, clientKeys);
  assert.equal(options.decoys, false);
  assert.equal(options.authorities.length, 3);
  assert.equal(options.timing?.dialMs, 60_000);
  assert.equal(options.timeoutMs, 90_000);
});

test("[HB-MIX-3-08] absent tables and keys have the Go programs' defaults", () => {
  const config = nodeConfigOf(read(serverFile, server + peer), keys, ["127.0.0.1:3219"]);
  assert.equal(config.sendDecoyTraffic, false);
  assert.equal(config.limits.connectTimeoutMs, 60_000);
  const authority = authorityConfigOf(read(authorityFile, `[Authority]\nDataDir = "/d"`), keys);
  assert.deepEqual([authority.layers, authority.minNodesPerLayer], [3, 2]);
  assert.equal(authority.parameters.mu, 0.00025);
  assert.equal(authority.parameters.muMaxDelayMs, 46_051);
});

test("names of keys are matched without regard to case, as the Go programs match them", () => {
  assert.equal(read(serverFile, server.replace("Identifier", "identifier") + peer).Server.Identifier, "mix1");
});

test("addresses that are not listened at are advertised, or only they", () => {
  const nat = `${server.replace("mix1", "p1")}IsProvider = true\nOnlyAdvertiseAltAddresses = true
[Server.AltAddresses]\ntcp4 = ["192.0.2.7:3219"]\nTCP = ["p1.example.org:3219"]\n`;
  const config = nodeConfigOf(read(serverFile, nat + peer), keys, ["127.0.0.1:3219"]);
  assert.deepEqual(config.addresses, new Map([["tcp4", ["192.0.2.7:3219"]], ["tcp", ["p1.example.org:3219"]]]));
});

test("a node behind NAT that listens at both families advertises each under its own, or the router's addresses only", () => {
  const both = server.replace(`"127.0.0.1:3219"`, `"10.77.0.2:3219", "[fd77::2]:3219"`);
  const listened = nodeConfigOf(read(serverFile, both + peer), keys, ["10.77.0.2:3219", "[fd77::2]:3219"]);
  assert.deepEqual(listened.addresses, new Map([["tcp4", ["10.77.0.2:3219"]], ["tcp6", ["[fd77::2]:3219"]]]));
  const nat = `${both}OnlyAdvertiseAltAddresses = true
AltAddresses.tcp4 = ["192.0.2.7:31001"]\nAltAddresses.tcp6 = ["[2001:db8::7]:31001"]\n`;
  const hidden = nodeConfigOf(read(serverFile, nat + peer), keys, ["10.77.0.2:3219", "[fd77::2]:3219"]);
  assert.deepEqual(hidden.addresses, new Map([["tcp4", ["192.0.2.7:31001"]], ["tcp6", ["[2001:db8::7]:31001"]]]));
});

/* The non-voting authority */

const nonvotingKey = "5ae6631dbe501932c6c0543f3acf694116d589bb44f517d8e6d5b71ffb9b6d10";
const nonvoting = `Address = "192.0.2.1:62472"\nPublicKey = "${nonvotingKey}"\n`;

test("[HB-MIX-3-02] [PKI.Nonvoting] and [NonvotingAuthority] name one authority, whose link key is its identity key's", () => {
  const node = nodeConfigOf(read(serverFile, `${server}[PKI.Nonvoting]\n${nonvoting}`), keys, ["127.0.0.1:3219"]);
  const [authority, ...others] = node.authorities;
  assert.deepEqual(others, []);
  assert.equal(toHex(authority!.identityKey), nonvotingKey);
  assert.deepEqual(authority!.linkKey, nobleSuite.ed25519PublicToX25519(fromHex(nonvotingKey)!));
  assert.deepEqual(authority!.addresses, ["192.0.2.1:62472"]);
  const base64 = nonvoting.replace(nonvotingKey, toBase64(fromHex(nonvotingKey)!));
  const client = read(clientFile, `[Account]\nUser = "a"\nProvider = "p"\n[NonvotingAuthority]\n${base64}`);
  const clientKeys = { ...keys, identityPrivate: new Uint8Array(32) };
  const options = connectOptionsOf(client, { user: "a", provider: "p" }, clientKeys);
  assert.deepEqual(options.authorities, node.authorities);
});

test("a file without an Identifier and without [[Authorities]] is a non-voting authority's", () => {
  const nodes = `[[Mixes]]\nIdentityKey = "${"01".repeat(32)}"
[[Providers]]\nIdentifier = "Provider1"\nIdentityKey = "${"02".repeat(32)}"\n`;
  const topology = `[Debug]\nLayers = 1\nMinNodesPerLayer = 1\n`;
  const file = read(authorityFile, `[Authority]\nDataDir = "/d"\n${topology}${nodes}`);
  assert.equal(isNonvoting(file), true);
  const config = nonvotingConfigOf(file, keys);
  assert.deepEqual([config.layers, config.minNodesPerLayer, config.mixes.length], [1, 1, 1]);
  assert.deepEqual(config.providers.map(({ name }) => name), ["provider1"]);
  const named = read(authorityFile, `[Authority]\nIdentifier = "auth1"\nDataDir = "/d"\n${nodes}`);
  assert.equal(isNonvoting(named), false);
  assert.equal(isNonvoting(read(authorityFile, goFile("authority.toml"))), false);
});

test("a non-voting authority whose nodes never make a document does not start", () => {
  const starting = (tables: string) => () =>
    nonvotingConfigOf(read(authorityFile, `[Authority]\nDataDir = "/d"\n${tables}`), keys);
  assert.throws(starting(""), { code: 78, message: "[[Providers]] is missing: a network needs a Provider" });
  const provider = `[[Providers]]\nIdentifier = "p"\nIdentityKey = "${"02".repeat(32)}"\n`;
  assert.throws(starting(provider), {
    code: 78,
    message: "0 [[Mixes]] are listed; 3 layers of 2 need 6 (see [Debug] Layers and MinNodesPerLayer)",
  });
});

/* [Samtpfote] */

test("[Samtpfote] sets the network's clock, crypto, log format and what else is ours", () => {
  const own = `[Samtpfote]\nEpochPeriod = "1m30s"\nEpochOrigin = "2020-04-01T12:00:00+02:00"\n` +
    `Crypto = "noble"\nLogFormat = "json"\n`;
  const file = read(serverFile, `${server}${peer}${own}ReconnectStep = "500ms"\nStore = "memory"`);
  const config = nodeConfigOf(file, keys, ["127.0.0.1:3219"]);
  assert.deepEqual(config.clock, { periodMs: 90_000, originMs: Date.UTC(2020, 3, 1, 10) });
  assert.equal(config.limits.reconnectMinMs, 500);
  assert.deepEqual([file.Samtpfote.Crypto, file.Samtpfote.LogFormat], ["noble", "json"]);
  const authority = read(authorityFile, `[Authority]\nDataDir = "/d"\n${own}CertificateExpiration = "epoch"`);
  assert.equal(authorityConfigOf(authority, keys).certificateExpiration, "epoch");
  const unquoted = read(serverFile, `${server}${peer}[Samtpfote]\nEpochOrigin = 2020-04-01T12:00:00.250Z`);
  assert.equal(unquoted.Samtpfote.EpochOrigin, Date.UTC(2020, 3, 1, 12) + 250);
});

test("durations are read as Go writes them", () => {
  assert.deepEqual(["20m", "1h30m", "1.5s", "250ms", "0s"].map(parseDuration), [1_200_000, 5_400_000, 1500, 250, 0]);
  for (const bad of ["", "20", "m", "-1s", "1d", "20 m", "1s ", "0.0001ms"]) {
    assert.equal(parseDuration(bad), null, bad);
  }
});
