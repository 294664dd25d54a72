/** The own key as others find it: what a client's user is warned of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Account, ownKeyWarning } from "../../../adapters/account.ts";
import type { MixClient } from "../../../adapters/client_api.ts";
import { ClientError, type ClientErrorCode } from "../../../adapters/client_error.ts";
import { toHex, utf8 } from "../../../core/bytes.ts";
import { PersistentMap } from "../../../core/collections/map.ts";
import { keyserver } from "../../../core/provider/keyserver.ts";
import { userId } from "../../../core/provider/users.ts";

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const keys = { linkPrivate: key(1), linkKey: key(2), identityPrivate: key(3), identityKey: key(4) };
const account: Account = { user: "alice", provider: "provider1", keys };
const rules = { binaryRecipients: false, caseSensitiveRecipients: false, recipientDelimiter: "" };

/** A client in a network whose keyserver has this key of alice, or answers with an error. */
const clientWith = (known: Uint8Array | null | ClientErrorCode, services: ReadonlyArray<string>) => {
  let asked = 0;
  const client = {
    document: () => ({ providers: [{ name: "provider1", kaetzchen: new Map(services.map((name) => [name, {}])) }] }),
    query: (_target: unknown, payload: Uint8Array) => {
      asked++;
      if (typeof known === "string") return Promise.reject(new ClientError(known));
      const users = PersistentMap([[userId(utf8("alice")), { linkKey: keys.linkKey, identityKey: known }]]);
      const answer = keyserver(rules)(users, { payload, hasSurb: true });
      return Promise.resolve({ payload: answer.type === "Reply" ? answer.data : new Uint8Array(0) });
    },
  } as unknown as Pick<MixClient, "document" | "query">;
  return { client, asked: () => asked };
};

const warning = (known: Uint8Array | null | ClientErrorCode): Promise<string | null> =>
  ownKeyWarning(clientWith(known, ["loop", "keyserver"]).client, account);

test("[KEYSERVER-4-05] a client looks its own key up at its Provider, where that has a keyserver", async () => {
  const [with_, without] = [clientWith(keys.identityKey, ["keyserver"]), clientWith(keys.identityKey, ["loop"])];
  assert.equal(await ownKeyWarning(with_.client, account), null);
  assert.equal(await ownKeyWarning(without.client, account), null);
  assert.deepEqual([with_.asked(), without.asked()], [1, 0]);
});

test("[KEYSERVER-4-06] its user is warned of another key, of none, and where there was no answer", async () => {
  assert.match((await warning(key(9)))!, new RegExp(`the key of alice is ${toHex(key(9))}, which it is not$`));
  assert.match((await warning(null))!, /^the keyserver of provider1 tells no key of alice/);
  assert.match((await warning("timeout"))!, /^the keyserver of provider1 was not reached: no reply came in time$/);
  assert.equal(await warning("shutdown"), null);
});
