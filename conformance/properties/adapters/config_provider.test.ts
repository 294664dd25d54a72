/** What a Provider's file says of recipients, services and the management socket, and what becomes of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { managementPath } from "../../../adapters/config/operation.ts";
import { nodeConfigOf, serverFile } from "../../../adapters/config/server.ts";
import { readConfig } from "../../../adapters/config/load.ts";
import { fromUtf8, utf8 } from "../../../core/bytes.ts";
import { recipientName } from "../../../core/provider/user_name.ts";

const keys = {
  identityPrivate: new Uint8Array(64).fill(1),
  identityKey: new Uint8Array(32).fill(2),
  linkPrivate: new Uint8Array(32).fill(3),
  linkKey: new Uint8Array(32).fill(4),
};

/** The file of a Provider with these lines in its table. */
const fileWith = (table: string) =>
  readConfig(
    serverFile,
    "provider.toml",
    `[Server]
Identifier = "p1"
Addresses = ["127.0.0.1:3219"]
DataDir = "/d"
IsProvider = true
[Provider]
${table}
[PKI.Nonvoting]
Address = "192.0.2.1:62472"
PublicKey = "5ae6631dbe501932c6c0543f3acf694116d589bb44f517d8e6d5b71ffb9b6d10"
`,
  );

const configWith = (table: string) => nodeConfigOf(fileWith(table), keys, ["127.0.0.1:3219"]);

/** What becomes of a recipient at a Provider with these lines in its table. */
const named = (table: string, recipient: string): string | null => {
  const config = configWith(table);
  const padded = new Uint8Array(64);
  padded.set(utf8(recipient));
  const name = recipientName(config.provider!, padded);
  return name === null ? null : fromUtf8(name.filter((byte) => byte !== 0));
};

test("[HB-MIX-4-01] BinaryRecipients, CaseSensitiveRecipients and RecipientDelimiter change what a recipient means", () => {
  assert.equal(named("", "Alice+x"), "alice+x");
  assert.equal(named(`RecipientDelimiter = "+"`, "Alice+x"), "alice");
  assert.equal(named("CaseSensitiveRecipients = true", "Alice+x"), "Alice+x");
  assert.equal(named(`CaseSensitiveRecipients = true\nRecipientDelimiter = "+"`, "Alice+x"), "Alice");
  assert.equal(named(`BinaryRecipients = true`, "Ali ce+x"), "Ali ce+x");
  assert.equal(named("", "Ali ce+x"), null);
});

test("[HB-MIX-4-04] a service has the capability and endpoint that its table says, unless it is disabled", () => {
  const service = (capability: string, more = ""): string =>
    `[[Provider.Kaetzchen]]\nCapability = "${capability}"\nEndpoint = "+my${capability}"\n${more}\n`;
  const offered = (toml: string) => configWith(toml).provider!.services;
  const [loop, keyserver] = ["loop", "keyserver"].map((capability) => ({ capability, endpoint: `+my${capability}` }));
  const settings = "[Provider.Kaetzchen.Config]\n";
  assert.deepEqual(offered(service("loop", settings) + service("keyserver")), [loop, keyserver]);
  assert.deepEqual(offered(service("loop", "Disable = true") + service("keyserver", "Disable = false")), [keyserver]);
});

test("[HB-MIX-3-04] there is a management socket where it is enabled: management_sock in DataDir, or at a path", () => {
  const pathOf = (table: string): string | null => {
    const { Management, Server } = fileWith(`[Management]\n${table}`);
    return managementPath(Management, Server.DataDir);
  };
  assert.equal(pathOf(""), null);
  assert.equal(pathOf("Enable = true"), "/d/management_sock");
  assert.equal(pathOf(`Enable = true\nPath = "/run/mix.sock"`), "/run/mix.sock");
});
