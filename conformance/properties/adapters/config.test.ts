import { strict as assert } from "node:assert";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { toHex } from "../../../core/bytes.ts";
import { katzenpostClock } from "../../../core/pki/epoch.ts";
import { authorityConfigOf, authorityFile } from "../../../adapters/config/authority.ts";
import { clientFile, connectOptionsOf, userOf } from "../../../adapters/config/client.ts";
import { parseDuration } from "../../../adapters/config/codec.ts";
import { type FileKind, loadConfig, readConfig } from "../../../adapters/config/load.ts";
import { lineOf } from "../../../adapters/config/locate.ts";
import { editDistance } from "../../../adapters/config/problems.ts";
import { referenceOf } from "../../../adapters/config/reference.ts";
import { nodeConfigOf, serverFile, serverWarnings } from "../../../adapters/config/server.ts";
import type { NodeKeys } from "../../../adapters/keys.ts";

// deno-lint-ignore no-explicit-any
type AnyKind = FileKind<any>;

const folder = join(dirname(fileURLToPath(import.meta.url)), "go-config");
const goFile = (name: string): string => readFileSync(join(folder, name), "utf8");

const keys: NodeKeys = {
  identityPrivate: new Uint8Array(64).fill(1),
  identityKey: new Uint8Array(32).fill(2),
  linkPrivate: new Uint8Array(32).fill(3),
  linkKey: new Uint8Array(32).fill(4),
};

const read = <A>(kind: FileKind<A>, toml: string): A => readConfig(kind, "x.toml", toml);

/** What reading says, a line a problem. */
const complaint = <A>(kind: FileKind<A>, toml: string): string => {
  try {
    read(kind, toml);
  } catch (error) {
    assert.equal((error as { readonly code: number }).code, 78);
    return (error as Error).message;
  }
  return "nothing";
};

const peer = `[[PKI.Voting.Peers]]
Addresses = ["127.0.0.1:30001"]
IdentityPublicKey = "${"00".repeat(32)}"
LinkPublicKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
`;
const server = `[Server]
Identifier = "mix1"
Addresses = ["127.0.0.1:3219"]
DataDir = "/d"
`;
const provider = server.replace("mix1", "p1") + "IsProvider = true\n";

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

test("a Go mix's file becomes the node's configuration", () => {
  const file = read(serverFile, goFile("mix.toml"));
  const config = nodeConfigOf(file, keys, file.Server.Addresses!);
  assert.equal(config.name, "mix1");
  assert.equal(config.isProvider, false);
  assert.equal(config.provider, null);
  assert.deepEqual(config.addresses, new Map([["tcp4", ["127.0.0.1:30011"]]]));
  assert.deepEqual(config.clock, katzenpostClock);
  const { unwrapDelayMs, sendSlackMs, schedulerMaxBurst, reconnectStepMs, disableRateLimit } = config.limits;
  assert.deepEqual([unwrapDelayMs, sendSlackMs, schedulerMaxBurst, reconnectStepMs, disableRateLimit], [
    3000,
    3000,
    16,
    15_000,
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

test("a Go Provider's file becomes the node's configuration; what is not supported yet is named", () => {
  const file = read(serverFile, goFile("provider.toml"));
  const config = nodeConfigOf(file, keys, file.Server.Addresses!);
  assert.deepEqual(config.provider?.services, [
    { capability: "loop", endpoint: "+loop" },
    { capability: "keyserver", endpoint: "+keyserver" },
  ]);
  assert.deepEqual(config.provider?.registration, { enabled: true, advertised: ["http://127.0.0.1:30031"] });
  const service = (name: string): string =>
    `[[Provider.CBORPluginKaetzchen]] is not supported in this version: service ${name} is not offered`;
  assert.deepEqual(serverWarnings(file), [
    "[Management] is not supported in this version: there is no management socket",
    service("spool"),
    service("panda"),
    service("echo"),
    "accounts and mailboxes are kept in memory: they end with this process",
  ]);
});

test("a Go authority's file becomes the authority's configuration", () => {
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

test("absent tables and keys have the Go programs' defaults", () => {
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

/* [Samtpfote] */

test("[Samtpfote] sets the network's clock, crypto, log format and what else is ours", () => {
  const own =
    `[Samtpfote]\nEpochPeriod = "1m30s"\nEpochOrigin = "2020-04-01T12:00:00+02:00"\nCrypto = "noble"\nLogFormat = "json"\n`;
  const file = read(serverFile, `${server}${peer}${own}ReconnectStep = "500ms"\nStore = "memory"`);
  const config = nodeConfigOf(file, keys, ["127.0.0.1:3219"]);
  assert.deepEqual(config.clock, { periodMs: 90_000, originMs: Date.UTC(2020, 3, 1, 10) });
  assert.equal(config.limits.reconnectStepMs, 500);
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

/* Messages */

test("each class of mistake is one exact line, with file, line, table and key", () => {
  const cases: ReadonlyArray<readonly [string, AnyKind, string, string]> = [
    ["not TOML", serverFile, "[Server", "x.toml:1: not TOML: incomplete key-value: cannot find end of key"],
    [
      "a misspelt key",
      serverFile,
      `${server}IsProvder = true\n${peer}`,
      "x.toml:5: [Server] IsProvder: unknown key (did you mean IsProvider?)",
    ],
    [
      "a misspelt table",
      serverFile,
      `${server}${peer}[Loging]\n`,
      "x.toml:9: Loging: unknown key (did you mean Logging?)",
    ],
    [
      "a key of another table",
      serverFile,
      `${server}SendSlack = 3\n${peer}`,
      "x.toml:5: [Server] SendSlack: unknown key (did you mean [Debug] SendSlack?)",
    ],
    ["a key like no other", serverFile, `${server}Zwiebel = 3\n${peer}`, "x.toml:5: [Server] Zwiebel: unknown key"],
    [
      "a renamed key",
      authorityFile,
      `[Authority]\nDataDir="/d"\n[Parameters]\nMixLambda = 1.0`,
      "x.toml:4: [Parameters] MixLambda: unknown key (now called Mu)",
    ],
    [
      "a renamed key of a client",
      clientFile,
      `${goFile("client.toml")}\n[Samtpfote]\n`.replace("DisableDecoyTraffic", "DisableDecoyLoops"),
      "x.toml:9: [Debug] DisableDecoyLoops: unknown key (now called DisableDecoyTraffic)",
    ],
    ["a missing table", serverFile, peer, "x.toml: Server: is missing"],
    ["a missing key", serverFile, `[Server]\nIdentifier = "a"\n${peer}`, "x.toml:1: [Server] DataDir: is missing"],
    [
      "a wrong type",
      serverFile,
      `${server}IsProvider = 1\n${peer}`,
      "x.toml:5: [Server] IsProvider: expected true or false, got 1",
    ],
    [
      "a table instead of a value",
      serverFile,
      `${server.replace('"/d"', "{}")}${peer}`,
      "x.toml:4: [Server] DataDir: expected an absolute path, got a table",
    ],
    [
      "a value instead of a table",
      serverFile,
      `Debug = 1\n${server}${peer}`,
      "x.toml:1: Debug: expected a table, got 1",
    ],
    [
      "a relative path",
      serverFile,
      `${server.replace("/d", "d")}${peer}`,
      `x.toml:4: [Server] DataDir: expected an absolute path, got "d"`,
    ],
    [
      "a bad address",
      serverFile,
      `${server.replace("127.0.0.1:3219", "localhost:3219")}${peer}`,
      `x.toml:3: [Server] Addresses 1: expected an IP address and port, as "127.0.0.1:3219" or "[::1]:3219", got "localhost:3219"`,
    ],
    [
      "a bad key in the second of a list of tables",
      serverFile,
      `${server}${peer}${peer.replace(/LinkPublicKey = .*/, `LinkPublicKey = "${"00".repeat(32)}"`)}`,
      `x.toml:12: [[PKI.Voting.Peers]] 2 LinkPublicKey: expected a key of 32 bytes in base64, got "000000000000000000000000000000000000000…`,
    ],
    [
      "a value out of range",
      authorityFile,
      `[Authority]\nDataDir="/d"\n[Parameters]\nMuMaxDelay = 21600001`,
      "x.toml:4: [Parameters] MuMaxDelay: expected an integer from 0 to 21600000, got 21600001",
    ],
    [
      "a negative rate",
      authorityFile,
      `[Authority]\nDataDir="/d"\n[Parameters]\nMu = -0.1`,
      "x.toml:4: [Parameters] Mu: expected a number of at least 0, got -0.1",
    ],
    [
      "too many layers",
      authorityFile,
      `[Authority]\nDataDir="/d"\n[Debug]\nLayers = 4`,
      "x.toml:4: [Debug] Layers: expected at most 3",
    ],
    [
      "one of a few words",
      serverFile,
      `${server}${peer}[Samtpfote]\nCrypto = "openssl"`,
      `x.toml:10: [Samtpfote] Crypto: expected "native" or "noble", got "openssl"`,
    ],
    [
      "a duration out of range",
      serverFile,
      `${server}${peer}[Samtpfote]\nEpochPeriod = "10ms"`,
      `x.toml:10: [Samtpfote] EpochPeriod: expected a duration from 1s to 24h, as "20m" or "1m30s", got "10ms"`,
    ],
    [
      "a log level",
      serverFile,
      `${server}${peer}[Logging]\nLevel = "LOUD"`,
      `x.toml:10: [Logging] Level: expected "DEBUG", "INFO", "NOTICE", "WARNING" or "ERROR", got "LOUD"`,
    ],
    ["no authority", serverFile, `${server}[PKI]\n`, "x.toml:5: PKI: [[PKI.Voting.Peers]] is missing: the authorities"],
    [
      "a mix with a Provider's table",
      serverFile,
      `${server}${peer}[Provider]\n`,
      "x.toml:9: Provider: set, but [Server] IsProvider is false",
    ],
    [
      "no tcp4 address",
      serverFile,
      `${server.replace("127.0.0.1", "[::1]")}${peer}`,
      "x.toml:3: [Server] Addresses: a tcp4 address has to be advertised",
    ],
    [
      "a service that there is not",
      serverFile,
      `${provider}${peer}[[Provider.Kaetzchen]]\nCapability = "deaddrop"\nEndpoint = "+dd"`,
      `x.toml:11: [[Provider.Kaetzchen]] 1 Capability: expected "loop" or "keyserver", got "deaddrop"`,
    ],
    [
      "an endpoint that is no local part",
      serverFile,
      `${provider}${peer}[[Provider.Kaetzchen]]\nCapability = "loop"\nEndpoint = "Loop"`,
      "x.toml:12: [[Provider.Kaetzchen]] 1 Endpoint: expected a lower-case local part of an e-mail address of at most 64 bytes",
    ],
    [
      "a name twice",
      authorityFile,
      `[Authority]\nDataDir="/d"\n${
        ["11", "22"].map((key) => `[[Providers]]\nIdentifier = "p"\nIdentityKey = "${key.repeat(32)}"\n`).join("")
      }`,
      "x.toml:7: [[Providers]] 2 Identifier: is there more than once",
    ],
    [
      "a key twice",
      authorityFile,
      `[Authority]\nDataDir="/d"\n${`[[Mixes]]\nIdentityKey = "${"11".repeat(32)}"\n`.repeat(2)}`,
      "x.toml:6: [[Mixes]] 2 IdentityKey: is there more than once",
    ],
  ];
  for (const [what, kind, toml, message] of cases) assert.equal(complaint(kind, toml), message, what);
});

test("what cannot be honoured in this version is an error, not silence", () => {
  const cases: ReadonlyArray<readonly [AnyKind, string, string]> = [
    [
      serverFile,
      `${server}[PKI.Nonvoting]\nAddress = "127.0.0.1:1"\nPublicKey = "${"00".repeat(32)}"`,
      "x.toml:5: [PKI] Nonvoting: a non-voting authority is not supported in this version",
    ],
    [
      serverFile,
      `${provider}${peer}[Provider.UserDB]\nBackend = "extern"`,
      `x.toml:11: [Provider.UserDB] Backend: the back end "extern" is not supported in this version`,
    ],
    [
      serverFile,
      `${provider}${peer}[Provider.SQLDB]\nBackend = "pgx"\nDataSourceName = "x"`,
      "x.toml:10: [Provider] SQLDB: an SQL database is not supported in this version",
    ],
    [
      clientFile,
      goFile("client.toml").replace(`"none"`, `"tor+socks5"`),
      `x.toml:6: [UpstreamProxy] Type: a proxy ("tor+socks5") is not supported in this version`,
    ],
  ];
  for (const [kind, toml, message] of cases) assert.equal(complaint(kind, toml), message);
});

test("all problems are told, a line each", () => {
  const message = complaint(serverFile, `${server}IsProvder = true\nFoo = 1\n${peer}`);
  assert.deepEqual(message.split("\n").map((line) => line.split(" ")[2]), ["IsProvder:", "Foo:"]);
  const many = complaint(
    serverFile,
    `${server}${Array.from({ length: 30 }, (_, n) => `Zwiebel${n} = 1\n`).join("")}${peer}`,
  ).split("\n");
  assert.equal(many.length, 21);
  assert.equal(many.at(-1), "x.toml: and 10 more");
});

test("passwords and data sources are not repeated", () => {
  assert.equal(
    complaint(clientFile, `${goFile("client.toml").replace(`Type = "none"`, "Password = 12345")}`),
    "x.toml:6: [UpstreamProxy] Password: expected text",
  );
});

test("keys named like properties of objects are unknown keys", () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    assert.match(complaint(serverFile, `${server}${name} = 1\n${peer}`), /unknown key/);
  }
});

test("a file that is not there is one line", () => {
  assert.throws(() => loadConfig(serverFile, "/nonexistent/mix.toml"), {
    code: 78,
    message: "cannot read /nonexistent/mix.toml: ENOENT",
  });
});

test("lines are found in nested lists, quoted keys and inline tables", () => {
  const toml =
    `a = 1\n[b]\n"c d" = 2\ne = { f = 1 }\n[[g]]\nh = 1\n[[g.i]]\nj = 1\n[[g]]\nh = 2\n[[g.i]]\nj = 2\n[[g.i]]\n  j = 3 # k\n`;
  const lines = [["a"], ["b", "c d"], ["b", "e", "f"], ["g", 0, "h"], ["g", 0, "i", 0, "j"], ["g", 1, "h"], [
    "g",
    1,
    "i",
    1,
    "j",
  ], ["z"]];
  assert.deepEqual(lines.map((path) => lineOf(toml, path)), [1, 3, 4, 6, 8, 10, 14, null]);
});

test("distances between words", () => {
  assert.deepEqual([
    editDistance("", "ab"),
    editDistance("ab", "ba"),
    editDistance("kitten", "sitting"),
    editDistance("x", "x"),
  ], [2, 1, 3, 0]);
});

test("the reference names every table and key", () => {
  for (
    const [kind, names] of [[serverFile, ["[Server]", "[[PKI.Voting.Peers]]", "[Provider.UserDB.Bolt]", "SendSlack"]], [
      authorityFile,
      ["[[Mixes]]", "LambdaMMaxDelay", "CertificateExpiration"],
    ], [clientFile, ["[Registration.Options]", "ProviderKeyPin"]]] as const
  ) {
    const text = referenceOf("title", kind.codec);
    for (const name of names) assert.ok(text.includes(name), name);
  }
});
