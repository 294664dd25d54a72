/** How [Provider] says which form recipients have, from the file to the names that a Provider knows. */
import assert from "node:assert/strict";
import { test } from "node:test";
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

/** What becomes of a recipient at a Provider with these keys in its table. */
const named = (table: string, recipient: string): string | null => {
  const toml = `[Server]
Identifier = "p1"
Addresses = ["127.0.0.1:3219"]
DataDir = "/d"
IsProvider = true
[Provider]
${table}
[PKI.Nonvoting]
Address = "192.0.2.1:62472"
PublicKey = "5ae6631dbe501932c6c0543f3acf694116d589bb44f517d8e6d5b71ffb9b6d10"
`;
  const config = nodeConfigOf(readConfig(serverFile, "provider.toml", toml), keys, ["127.0.0.1:3219"]);
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
