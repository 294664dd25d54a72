/** One name, asked for in several spellings at once, over HTTP and by the operator: one account. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { manageUser, register } from "../../../core/provider/accounts.ts";
import { defaultProviderConfig } from "../../../core/provider/config.ts";
import { committed, newProvider, type ProviderOutcome, type ProviderState } from "../../../core/provider/provider.ts";

const spellings = ["alice", "ALICE", "Ａlice", "aLICe"];
const keyOf = (number: number): Uint8Array => new Uint8Array(32).fill(number + 1);

type Outcome = Extract<ProviderOutcome, { readonly type: "Registered" | "Managed" }>;

const isGranted = (outcome: Outcome): boolean =>
  outcome.type === "Registered" ? outcome.registered.outcome === "ok" : outcome.managed.answer.type === "Done";

test("[FAULT-39] registrations and ADD_USER that race for one name: exactly one of them has it, the others are told", () => {
  const request = fc.record({ byOperator: fc.boolean(), spelling: fc.nat({ max: spellings.length - 1 }) });
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 6 }), fc.boolean(), (requests, firstFails) => {
      const config = { ...defaultProviderConfig, registration: { enabled: true, advertised: null } };
      let state: ProviderState = newProvider(config);
      const outcomes: Outcome[] = [];
      const take = (
        step: { readonly state: ProviderState; readonly outcomes: ReadonlyArray<ProviderOutcome> },
      ): void => {
        state = step.state;
        for (const one of step.outcomes) if (one.type === "Registered" || one.type === "Managed") outcomes.push(one);
      };
      requests.forEach(({ byOperator, spelling }, id) => {
        const [user, linkKey] = [spellings[spelling]!, keyOf(id)];
        take(
          byOperator
            ? manageUser(state, id, id, { type: "AddUser", user, linkKey })
            : register(state, id, { type: "Register", id, user, linkKey, identityKey: null }),
        );
      });
      assert.equal(state.pending.size, 1, "one commit is under way, whoever else asks");
      take(committed(state, 0, firstFails ? "full" : null));
      assert.equal(outcomes.length, requests.length);
      assert.equal(outcomes.filter(isGranted).length, firstFails ? 0 : 1);
      assert.equal(state.users.size, firstFails ? 0 : 1);
      if (firstFails) {
        take(register(state, 99, { type: "Register", id: 99, user: "Alice", linkKey: keyOf(99), identityKey: null }));
        assert.equal(state.pending.size, 1, "the name is free again");
      } else assert.deepEqual([...state.users.values()][0]!.linkKey, keyOf(0));
    }),
    { numRuns: 100 },
  );
});
