/** Accounts: registration, logins, what a client may do, and what nobody learns of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../../core/bytes.ts";
import type { Effect } from "../../../core/effects.ts";
import {
  assertConserved,
  createDriver,
  createRunning,
  documentOf,
  type Driver,
  dropped,
  firstEpoch,
  forwardTo,
  keysOf,
  parameters,
  plan,
} from "../mix/fixture.ts";
import { arrive, createProvider, payloadOf, to } from "./harness.ts";

test("[KEYSERVER-6-01] registration: the answer comes when the account is durable; names are taken once, in their one form", () => {
  const provider = createRunning("p1");
  const register = (user: string, id: number): ReadonlyArray<Effect> =>
    provider.tell({ type: "Register", id, user, linkKey: keysOf(user).linkKey, identityKey: null });
  const outcomes = (effects: ReadonlyArray<Effect>): ReadonlyArray<unknown> =>
    effects.flatMap((effect) => (effect.type === "Notify" ? [effect.event] : []));
  const first = register("Carol", 5);
  assert.deepEqual(outcomes(first), []);
  // While the first is on its way to the disk, and after.
  assert.deepEqual(outcomes(register("carol", 6)), [{ type: "Registered", id: 6, outcome: "exists" }]);
  assert.deepEqual(outcomes(provider.flush()), [{ type: "Registered", id: 5, outcome: "ok" }]);
  assert.deepEqual(outcomes(register("CAROL", 7)), [{ type: "Registered", id: 7, outcome: "exists" }]);
  assert.deepEqual(outcomes(register("a b", 8)), [{ type: "Registered", id: 8, outcome: "invalid-name" }]);
  assert.deepEqual(outcomes(register("", 9)), [{ type: "Registered", id: 9, outcome: "invalid-name" }]);
  // Cyrillic and Latin.
  assert.deepEqual(outcomes(register("d\u0430ve", 9)), [{ type: "Registered", id: 9, outcome: "confusable-name" }]);
  register("dave", 10);
  const commit = provider.storing.shift()!;
  const failed = provider.tell({ type: "CommitFailed", id: commit.id, reason: "full" });
  assert.deepEqual(outcomes(failed), [{ type: "Registered", id: 10, outcome: "store-failed" }]);
  assert.equal(provider.state().provider!.users.size, 1);
  assert.equal(provider.connect(new TextEncoder().encode("carol"), keysOf("Carol").linkKey).answer?.type, "Allowed");
});

test("registration is refused where it is off, where there is no Provider, and beyond the bound on users", () => {
  const outcome = (driver: Driver): unknown => {
    const request = {
      type: "Register",
      id: 1,
      user: "eve",
      linkKey: keysOf("eve").linkKey,
      identityKey: null,
    } as const;
    const notes = [...driver.tell(request), ...driver.flush()].flatMap((
      effect,
    ) => (effect.type === "Notify" ? [effect.event] : []));
    return (notes[0] as { outcome: string }).outcome;
  };
  assert.equal(
    outcome(createRunning("p1", { provider: { registration: { enabled: false, advertised: null } } })),
    "disabled",
  );
  assert.equal(outcome(createRunning("a1")), "disabled");
  assert.equal(outcome(createRunning("p1", { provider: { usersMax: 0 } })), "store-failed");
});

test("[MIXNET-2-01] a client needs its account's key; one session each; a node's name is not a user's", () => {
  const provider = createProvider();
  const name = new TextEncoder().encode("alice");
  assert.equal(provider.connect(name, keysOf("bob").linkKey).answer?.type, "Denied");
  const first = provider.connect(name, keysOf("alice").linkKey);
  assert.equal(first.answer?.type, "Allowed");
  assert.equal(provider.connect(new TextEncoder().encode("ALICE"), keysOf("alice").linkKey).answer?.type, "Denied");
  provider.report(first.session, { type: "Down", reason: "peer-closed" });
  assert.equal(provider.connect(name, keysOf("alice").linkKey).answer?.type, "Allowed");
  assert.equal(provider.connect(keysOf("c1").identityKey, keysOf("alice").linkKey).answer?.type, "Denied");
  assert.equal(provider.connect(keysOf("c1").identityKey, keysOf("c1").linkKey).answer?.type, "Allowed");
});

test("[MIXNET-2-01] [MIXDESIGN-1-04] clients may only send onwards, within their rate", () => {
  const provider = createDriver("p1");
  provider.document(documentOf(firstEpoch, plan, { parameters: { ...parameters, sendRatePerMinute: 60 } }));
  provider.linkUp();
  provider.register("alice");
  const session = provider.connectUser("alice");
  const drops = [1, 2, 3, 4, 5, 6].flatMap(() => dropped(provider.send(session)));
  assert.deepEqual(drops, ["rate-limited", "rate-limited"]);
  provider.sleep(1000);
  assert.deepEqual([...dropped(provider.send(session)), ...dropped(provider.send(session))], ["rate-limited"]);
  assert.deepEqual(dropped(provider.unwrapped([to("alice")], payloadOf(null))), ["client-must-forward"]);
  assert.deepEqual(dropped(provider.unwrapped(forwardTo("a1", 2000))), []);
  assertConserved(provider);
  const unlimited = createProvider({ limits: { disableRateLimit: true } });
  const other = unlimited.connectUser("alice");
  assert.deepEqual(Array.from({ length: 20 }, () => dropped(unlimited.send(other))).flat(), []);
});

test("nothing above DEBUG says who talks to whom, and no line at all says who a client is", () => {
  const provider = createProvider();
  const session = provider.connectUser("alice");
  const effects = [
    ...arrive(provider, [to("alice")], payloadOf(null, "a secret")),
    ...provider.report(session, { type: "Command", command: { type: "RetrieveMessage", sequence: 0 } }),
    ...provider.flush(),
    ...provider.report(session, { type: "Down", reason: "peer-closed" }),
  ];
  const lines = effects.filter(({ type }) => type === "Log" || type === "Count" || type === "Drop");
  const text = JSON.stringify(lines);
  for (const word of ["alice", "a secret", toHex(keysOf("alice").linkKey)]) assert.ok(!text.includes(word), word);
  assert.ok(lines.every((line) => line.type !== "Log" || line.level === "DEBUG"));
});
