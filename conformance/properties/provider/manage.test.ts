/** What the operator asks of a Provider: accounts, identities, rates. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Effect } from "../../../core/effects.ts";
import type { Manage, ManageAnswer } from "../../../core/management/request.ts";
import { createDriver, createRunning, type Driver, dropped, keysOf, recipient } from "../mix/fixture.ts";
import { arrive, createProvider, payloadOf, to } from "./harness.ts";

let asked = 100;

const answersIn = (effects: ReadonlyArray<Effect>): ReadonlyArray<ManageAnswer> =>
  effects.flatMap((effect) => {
    const event = effect.type === "Notify" ? effect.event as { type: string; answer: ManageAnswer } : null;
    return event?.type === "Managed" ? [event.answer] : [];
  });

/** The answer, once the store has spoken. */
const manage = (provider: Driver, request: Manage["request"]): ManageAnswer => {
  const effects = provider.tell({ type: "Manage", id: asked++, request });
  const [answer] = answersIn([...effects, ...provider.flush()]);
  assert.notEqual(answer, undefined);
  return answer!;
};

const failedFor = (reason: string) => ({ type: "Failed", reason });
const done = { type: "Done" };
const key = (name: string): Uint8Array => keysOf(name).linkKey;

test("[HB-MIX-5-01] accounts are added, updated and removed; identities set, shown and removed", () => {
  const provider = createRunning("p1");
  assert.deepEqual(manage(provider, { type: "RemoveUser", user: "Carol" }), failedFor("no-such-user"));
  assert.deepEqual(manage(provider, { type: "AddUser", user: "Carol", linkKey: key("a") }), done);
  assert.deepEqual(manage(provider, { type: "AddUser", user: "carol", linkKey: key("b") }), failedFor("exists"));
  assert.deepEqual(manage(provider, { type: "UserLink", user: "CAROL" }), { type: "Key", key: key("a") });
  assert.deepEqual(manage(provider, { type: "UserIdentity", user: "carol" }), failedFor("no-identity"));
  assert.deepEqual(manage(provider, { type: "SetUserIdentity", user: "carol", identityKey: key("i") }), done);
  assert.deepEqual(manage(provider, { type: "UpdateUser", user: "carol", linkKey: key("b") }), done);
  assert.deepEqual(manage(provider, { type: "UserLink", user: "carol" }), { type: "Key", key: key("b") });
  assert.deepEqual(manage(provider, { type: "UserIdentity", user: "carol" }), { type: "Key", key: key("i") });
  assert.deepEqual(manage(provider, { type: "SetUserIdentity", user: "carol", identityKey: null }), done);
  assert.deepEqual(manage(provider, { type: "UserIdentity", user: "carol" }), failedFor("no-identity"));
  assert.deepEqual(manage(provider, { type: "UserLink", user: "a b" }), failedFor("invalid-name"));
  const confusable = { user: "c\u0430rol", linkKey: key("a") };
  assert.deepEqual(manage(provider, { type: "AddUser", ...confusable }), failedFor("confusable-name"));
  // An account that had such a name before there was a rule can be removed.
  assert.deepEqual(manage(provider, { type: "RemoveUser", user: confusable.user }), failedFor("no-such-user"));
  assert.deepEqual(manage(provider, { type: "RemoveUser", user: "carol" }), done);
  assert.deepEqual(manage(provider, { type: "UserLink", user: "carol" }), failedFor("no-such-user"));
  assert.deepEqual(manage(createRunning("a1"), { type: "UserLink", user: "carol" }), failedFor("not-ready"));
});

test("[FAULT-40] of racing ADD_USER for one name one succeeds, and what the store refuses has not happened", () => {
  const provider = createRunning("p1");
  const ask = (request: Manage["request"]): ReadonlyArray<ManageAnswer> =>
    answersIn(provider.tell({ type: "Manage", id: asked++, request }));
  assert.deepEqual(ask({ type: "AddUser", user: "carol", linkKey: key("a") }), []);
  assert.deepEqual(ask({ type: "AddUser", user: "Carol", linkKey: key("b") }), [failedFor("exists")]);
  assert.deepEqual(ask({ type: "UpdateUser", user: "carol", linkKey: key("c") }), []);
  assert.deepEqual(ask({ type: "RemoveUser", user: "carol" }), []);
  assert.deepEqual(ask({ type: "AddUser", user: "carol", linkKey: key("d") }), []);
  assert.deepEqual(answersIn(provider.flush()), [done, done, done, done]);
  assert.deepEqual(manage(provider, { type: "UserLink", user: "carol" }), { type: "Key", key: key("d") });
  ask({ type: "RemoveUser", user: "carol" });
  const commit = provider.storing.shift()!;
  const refused = provider.tell({ type: "CommitFailed", id: commit.id, reason: "full" });
  assert.deepEqual(answersIn(refused), [failedFor("store-failed")]);
  assert.deepEqual(manage(provider, { type: "UserLink", user: "carol" }), { type: "Key", key: key("d") });
  assert.equal(provider.state().provider!.changing, 0);
});

test("whatever is asked in whatever order, the accounts are what the store holds", () => {
  const user = fc.constantFrom("ann", "bea", "Ann");
  const linkKey = fc.constantFrom("a", "b", "c").map(key);
  const request: fc.Arbitrary<Manage["request"]> = fc.oneof(
    fc.record({ type: fc.constant("AddUser" as const), user, linkKey }),
    fc.record({ type: fc.constant("UpdateUser" as const), user, linkKey }),
    fc.record({ type: fc.constant("RemoveUser" as const), user }),
    fc.record({ type: fc.constant("SetUserIdentity" as const), user, identityKey: fc.option(linkKey) }),
  );
  const outcome = fc.constantFrom("commit", "fail", "wait");
  fc.assert(
    fc.property(fc.array(fc.tuple(request, outcome), { maxLength: 12 }), (moves) => {
      const provider = createRunning("p1");
      for (const [of, then] of moves) {
        provider.tell({ type: "Manage", id: asked++, request: of });
        if (then === "commit") provider.flush();
        const [next] = then === "fail" ? provider.storing.splice(0, 1) : [];
        if (next !== undefined) provider.tell({ type: "CommitFailed", id: next.id, reason: "io" });
      }
      provider.flush();
      const { users, changing } = provider.state().provider!;
      const restarted = createRestarted(provider);
      assert.deepEqual([...restarted.keys()].sort(), [...users.keys()].sort());
      for (const [name, account] of users) assert.deepEqual(restarted.get(name), account);
      assert.equal(changing, 0);
    }),
    { numRuns: 40 },
  );
});

const createRestarted = (provider: Driver) => createDriver("p1", {}, provider.store).state().provider!.users;

test("a mailbox ends with its account, also what was on its way; a session of another key has to go", () => {
  const provider = createProvider();
  const session = provider.connectUser("alice");
  arrive(provider, [to("alice")], payloadOf(null, "first"));
  provider.flush();
  assert.deepEqual(manage(provider, { type: "RemoveUser", user: "alice" }), done);
  assert.equal(provider.state().provider!.mailboxes.entries.size, 0);
  assert.equal(provider.state().connections.bySession.get(session)?.type, "closing");
  assert.deepEqual(dropped(arrive(provider, [{ type: "Recipient", id: recipient("alice") }], payloadOf(null))), [
    "recipient-unknown",
  ]);
  assert.deepEqual(manage(provider, { type: "AddUser", user: "alice", linkKey: key("alice") }), done);
  const again = createDriver("p1", {}, provider.store);
  assert.deepEqual([again.state().provider!.users.size, again.state().provider!.mailboxes.entries.size], [1, 0]);
});

test("SEND_RATE and SEND_BURST change what clients may send from the next packet on; 0 is no limit", () => {
  const provider = createProvider();
  const session = provider.connectUser("alice");
  const send = (times: number): number =>
    Array.from({ length: times }, () => dropped(provider.send(session))).flat().filter((r) => r === "rate-limited")
      .length;
  manage(provider, { type: "SendRate", ratePerMinute: 1 });
  assert.equal(send(6), 2);
  manage(provider, { type: "SendBurst", burst: 0 });
  assert.equal(send(10), 0);
  manage(provider, { type: "SendBurst", burst: 2 });
  assert.equal(send(4), 2);
  manage(provider, { type: "SendRate", ratePerMinute: 0 });
  assert.equal(send(10), 0);
});
