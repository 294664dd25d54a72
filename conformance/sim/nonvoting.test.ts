/** A network with one non-voting authority in virtual time: documents come, and packets there and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClientNotice } from "../../core/client/events.ts";
import { clientAddress } from "../../core/client/system.ts";
import type { Spawn } from "../../core/effects.ts";
import { invariant } from "../../core/machine.ts";
import { nodeAddress } from "../../core/mix/system.ts";
import type { AuthorityConfig } from "../../core/pki/authority_config.ts";
import { type AuthorityPeer, nonvotingPeer } from "../../core/pki/directory.ts";
import { createEpochClock, epochStart, katzenpostOriginMs } from "../../core/pki/epoch.ts";
import type { NonvotingState } from "../../core/pki/nonvoting_state.ts";
import { bootNonvoting, createNonvotingSystem, nonvotingAddress } from "../../core/pki/nonvoting_system.ts";
import type { HostSpec } from "./host.ts";
import { createNetwork } from "./network.ts";
import { smallNetwork } from "./small_network.ts";
import { createWorld } from "./world.ts";

const { suite, geometry, periodMs } = smallNetwork;
const firstEpoch = 1000;
const clock = createEpochClock(periodMs, katzenpostOriginMs);

/** The same machines with the one authority's link key derived from its identity key. */
const asking = (machines: ReadonlyArray<Spawn>): ReadonlyArray<Spawn> =>
  machines.map((machine) => {
    const config = machine.config as { readonly authorities: ReadonlyArray<AuthorityPeer> };
    const authorities = config.authorities.map(({ identityKey, addresses }) => {
      const peer = nonvotingPeer(suite, identityKey, addresses[0]!);
      invariant(peer !== null, "the key is a point");
      return peer;
    });
    return { ...machine, config: { ...config, authorities } };
  });

const withNonvoting = (spec: HostSpec, authority: string): HostSpec =>
  spec.name === authority
    ? {
      ...spec,
      system: createNonvotingSystem({ suite, geometry }),
      machines: bootNonvoting(spec.machines[0]!.config as AuthorityConfig),
      acceptor: nonvotingAddress,
    }
    : { ...spec, machines: asking(spec.machines) };

test("a network whose one authority does not vote has a document each epoch and delivers", () => {
  const seed = suite.sha256(Uint8Array.of(4));
  const network = createNetwork({ ...smallNetwork, seed, clock, authorities: 1 });
  const originMs = epochStart(clock, firstEpoch);
  const world = createWorld({ seed, originMs, latency: { minMs: 1, maxMs: 20, jitterMs: 5 } });
  const notices: ClientNotice[] = [];
  const problems: string[] = [];
  world.observe({
    emission: (_at, host, { effect }) => {
      if (effect.type === "Notify" && host.startsWith("client")) notices.push(effect.event as ClientNotice);
      if (effect.type === "Log" && effect.level === "ERROR") problems.push(`${host}: ${effect.message}`);
    },
  });
  network.hosts.forEach((spec, index) => {
    const host = world.add(withNonvoting(spec, network.authorities[0]!));
    world.at((spec.name.startsWith("client") ? 2000 : 100) + 10 * index, host.start);
  });
  world.at(1000, () => {
    for (const { name, provider, linkKey } of network.clients) {
      world.host(provider).tell(nodeAddress, { type: "Register", id: 1, user: name, linkKey, identityKey: null });
    }
  });
  const ask = (id: string): void => {
    for (const { name, provider } of network.clients) {
      const target = { type: "Service", capability: "loop", provider };
      const query = { type: "Query", id: `${id} ${name}`, target, payload: new Uint8Array(0), lengthPrefix: false };
      world.host(name).tell(clientAddress, query);
    }
  };
  world.at(1.5 * periodMs, () => ask("first"));
  world.at(3.2 * periodMs, () => ask("second"));
  world.runUntil(5.9 * periodMs);
  const authority = world.host(network.authorities[0]!).state()!.machines.get(nonvotingAddress)!
    .state as NonvotingState;
  assert.deepEqual([...authority.documents.keys()].sort(), [1002, 1003, 1004, 1005, 1006]);
  assert.deepEqual([...authority.documents.values()].map(({ document }) => document.genesisEpoch), Array(5).fill(1000));
  const replies = notices.flatMap((notice) => (notice.type === "Reply" ? [notice.id] : []));
  const asked = network.clients.flatMap(({ name }) => [`first ${name}`, `second ${name}`]);
  assert.deepEqual([replies.sort(), problems], [asked.sort(), []]);
});
