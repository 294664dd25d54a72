/**
 * What is said about wrong configuration files, to the letter.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { authorityFile } from "../../../adapters/config/authority.ts";
import { clientFile } from "../../../adapters/config/client.ts";
import { type FileKind, loadConfig } from "../../../adapters/config/load.ts";
import { lineOf } from "../../../adapters/config/locate.ts";
import { editDistance } from "../../../adapters/config/problems.ts";
import { referenceOf } from "../../../adapters/config/reference.ts";
import { serverFile } from "../../../adapters/config/server.ts";
import { type AnyKind, goFile, peer, read, server } from "./config_fixture.ts";

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

const nonvoting = `Address = "192.0.2.1:62472"\nPublicKey = "${"5ae6631dbe501932".padEnd(64, "0")}"\n`;
const provider = server.replace("mix1", "p1") + "IsProvider = true\n";

test("[FAULT-50] [HB-GEN-2-01] [HB-MIX-3-03] each class of mistake is one exact line, with file, line, table and key", () => {
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
      `x.toml:3: [Server] Addresses 1: expected an IP address and port, as "127.0.0.1:3219" or "[::1]:3219", ` +
      `got "localhost:3219"`,
    ],
    [
      "a bad key in the second of a list of tables",
      serverFile,
      `${server}${peer}${peer.replace(/LinkPublicKey = .*/, `LinkPublicKey = "${"00".repeat(32)}"`)}`,
      `x.toml:12: [[PKI.Voting.Peers]] 2 LinkPublicKey: expected a key of 32 bytes in base64, got "${"0".repeat(39)}…`,
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
    [
      "no authority",
      serverFile,
      `${server}[PKI]\n`,
      "x.toml:5: [PKI] Voting: [[PKI.Voting.Peers]] is missing: the authorities; or [PKI.Nonvoting] for one",
    ],
    [
      "a non-voting authority beside voting ones",
      serverFile,
      `${server}[PKI.Nonvoting]\n${nonvoting}${peer}`,
      "x.toml:5: [PKI] Nonvoting: either [PKI.Nonvoting] or [[PKI.Voting.Peers]], not both",
    ],
    [
      "a non-voting authority's key that is none",
      clientFile,
      `[NonvotingAuthority]\n${nonvoting.replace(/"[0-9a-f]{64}"/, `"02${"00".repeat(31)}"`)}`,
      "x.toml:3: [NonvotingAuthority] PublicKey: is no Ed25519 public key",
    ],
    [
      "a non-voting authority without a key",
      serverFile,
      `${server}[PKI.Nonvoting]\nAddress = "192.0.2.1:62472"\n`,
      "x.toml:5: [PKI.Nonvoting] PublicKey: is missing",
    ],
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
      "no tcp4 address among those that alone are advertised",
      serverFile,
      `${server}OnlyAdvertiseAltAddresses = true\nAltAddresses.tcp6 = ["[2001:db8::7]:31001"]\n${peer}`,
      "x.toml:6: [Server] AltAddresses: a tcp4 address has to be advertised",
    ],
    [
      "an address under the other family's transport",
      serverFile,
      `${server}AltAddresses.tcp6 = ["192.0.2.7:31001"]\n${peer}`,
      "x.toml:5: [Server] AltAddresses: expected addresses of the transport (a mix has tcp4 and tcp6 only)",
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
      "x.toml:12: [[Provider.Kaetzchen]] 1 Endpoint: " +
      "expected a lower-case local part of an e-mail address of at most 64 bytes",
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

test("[FAULT-49] passwords and data sources are not repeated", () => {
  assert.equal(
    complaint(clientFile, `${goFile("client.toml").replace(`Type = "none"`, "Password = 12345")}`),
    "x.toml:6: [UpstreamProxy] Password: expected text",
  );
});

test("[FAULT-51] keys named like properties of objects are unknown keys", () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    assert.match(complaint(serverFile, `${server}${name} = 1\n${peer}`), /unknown key/);
  }
});

test("[FAULT-51] a negative zero is 0", () => {
  const authority = `[Authority]\nIdentifier = "a"\nDataDir = "/d"\n[Parameters]\nLambdaM = -0.0\nMuMaxDelay = -0\n`;
  const { LambdaM, MuMaxDelay } = read(authorityFile, authority).Parameters;
  assert.deepEqual([Object.is(LambdaM, 0), Object.is(MuMaxDelay, 0)], [true, true]);
});

test("a file that is not there is one line", () => {
  assert.throws(() => loadConfig(serverFile, "/nonexistent/mix.toml"), {
    code: 78,
    message: "cannot read /nonexistent/mix.toml: ENOENT",
  });
});

test("lines are found in nested lists, quoted keys and inline tables", () => {
  const toml = `a = 1\n[b]\n"c d" = 2\ne = { f = 1 }\n[[g]]\nh = 1\n[[g.i]]\nj = 1\n` +
    `[[g]]\nh = 2\n[[g.i]]\nj = 2\n[[g.i]]\n  j = 3 # k\n`;
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
