/** One peer that is stuck while everybody else goes on: nobody waits for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../core/bytes.ts";
import type { ClientRequest } from "../../core/client/events.ts";
import { clientAddress } from "../../core/client/system.ts";
import type { Observer } from "./watch.ts";
import { simulate } from "./simulation.ts";
import { smallNetwork } from "./small_network.ts";
import type { World } from "./world.ts";

const { periodMs } = smallNetwork;
const epochs = 1;
const clients = ["client-1", "client-2", "client-3", "client-4"];
const others = ["authority-1", "authority-2", "authority-3", "mix-1", "mix-2", "provider-1", "provider-2"];
/** Asked once the stuck one has been so for a while. */
const [stuckFrom, askedAt, until] = [1.2 * periodMs, 1.3 * periodMs, (1 + epochs) * periodMs];
const questions = 2;

const plan = (world: World): void => {
  for (const client of clients) {
    for (let at = 0; at < questions; at++) {
      const target = { type: "Service", capability: "loop", provider: null } as const;
      const request: ClientRequest = { type: "Query", id: `${at}`, target, payload: utf8("?"), lengthPrefix: false };
      world.at(askedAt + 300 * at, () => world.host(client).tell(clientAddress, request));
    }
  }
};

/** Replies by client, where one client's packets are neither delivered nor taken. */
const repliesOf = (stuck: string): ReadonlyMap<string, number> => {
  const replies = new Map(clients.map((client) => [client, 0]));
  const observer: Observer = {
    input: () => {},
    emission: (at, host, { effect }) => {
      const isReply = effect.type === "Notify" && (effect.event as { readonly type: string }).type === "Reply";
      if (isReply && at >= askedAt && at < until) replies.set(host, (replies.get(host) ?? 0) + 1);
    },
  };
  const faults = [{ type: "Stall", a: [stuck], b: others, from: stuckFrom, until } as const];
  const network = { ...smallNetwork, seed: 5, clients: clients.length, epochs, idle: clients, observer, plan, faults };
  const { crash, violations } = simulate(network);
  assert.equal(crash, null);
  assert.deepEqual(violations.filter(({ kind }) => kind === "safety"), []);
  return replies;
};

test("[FAULT-47] a client that neither reads nor writes keeps nobody else waiting", () => {
  const replies = repliesOf("client-1");
  assert.deepEqual([...replies], clients.map((client) => [client, client === "client-1" ? 0 : questions]));
});
