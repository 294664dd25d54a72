/** What an observer of a client's link counts: packets at the sum of the rates, whatever the user does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Observer } from "./host.ts";
import { simulate } from "./simulation.ts";
import { smallNetwork } from "./small_network.ts";

/** A SendPacket on the wire: the length's frame, the command's header, the packet, the tag (wire-facts §2.5). */
const frameLength = 20 + 6 + smallNetwork.geometry.packetLength + 16;

/** Equal, so that a process which stands still is missed. */
const rate = 0.0005;

test("[DECOY-5-01, DECOY-5-07, SEED-5-01, SEED-9-01] idle and busy clients send as often, at the rates of the document", () => {
  const [periodMs, epochs] = [120_000, 3];
  const sent = new Map<string, number>();
  const observer: Observer = {
    emission: (at, host, { effect }) => {
      const counts = at >= periodMs && at < (1 + epochs) * periodMs;
      if (counts && effect.type === "Write" && effect.bytes.length === frameLength) {
        sent.set(host, (sent.get(host) ?? 0) + 1);
      }
    },
  };
  const parameters = { ...smallNetwork.parameters, lambdaP: rate, lambdaL: rate, lambdaD: rate };
  const network = { ...smallNetwork, parameters, authorities: 1, layers: 1, periodMs, epochs };
  assert.deepEqual(simulate({ ...network, idle: ["client-2"], observer }).violations, []);
  const mean = 3 * rate * periodMs * epochs;
  // Five standard deviations of a Poisson count: one honest seed in a million is further away.
  for (const client of ["client-1", "client-2"]) {
    const count = sent.get(client) ?? 0;
    assert.ok(Math.abs(count - mean) < 5 * Math.sqrt(mean), `${client} sent ${count} packets, not about ${mean}`);
  }
});
