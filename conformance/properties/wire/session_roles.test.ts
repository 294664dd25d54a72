/** What only one side of a session may ask: documents are asked for by whoever dialled. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../../../core/effects.ts";
import type { SessionConfig } from "../../../core/wire/session.ts";
import { createDriver as createClient } from "../client/fixture.ts";
import { documentOf as clientDocument, firstEpoch as clientEpoch } from "../client/network.ts";
import { createDriver as createNode, documentOf, firstEpoch } from "../mix/fixture.ts";
import { createDriver as createDirectory, descriptor, epoch } from "../pki/directory_fixture.ts";
import { carry, commandsOf, downOf, upPair } from "./fixture.ts";

const sessionsIn = (effects: ReadonlyArray<Effect>): ReadonlyArray<SessionConfig> =>
  effects.flatMap((effect) => (effect.type === "Spawn" ? [effect.config as SessionConfig] : []));

/** The sessions that clients, nodes and whoever fetches and publishes begin, each as its machine configures it. */
const initiators = (): ReadonlyArray<SessionConfig> => {
  const client = createClient();
  client.document(clientDocument(clientEpoch));
  const node = createNode("p1");
  node.document(documentOf(firstEpoch));
  const directory = createDirectory();
  directory.tell({ type: "Fetch", epoch });
  directory.tell({ type: "Publish", epoch, descriptor });
  const begun = [...client.spawned, ...sessionsIn(node.advance(0)), ...directory.opened.map(({ config }) => config)];
  assert.equal(begun.every(({ role }) => role.type === "initiator"), true);
  return begun;
};

test("[PKI-5.3.1-02] an initiator that is asked for a document ends the session at once; a responder is asked", () => {
  const ask = { type: "Send", command: { type: "GetConsensus", epoch: 7 } } as const;
  const kinds = new Set<string>();
  for (const { receives } of initiators()) {
    kinds.add(receives.join());
    const { initiator, responder } = upPair({ initiator: { receives } });
    responder.tell(ask);
    carry(initiator, responder);
    assert.equal(downOf(initiator), "unexpected-command");
    assert.deepEqual(commandsOf(initiator), []);
  }
  assert.equal(kinds.size, 4, [...kinds].join(" | "));
  const { initiator, responder } = upPair({ responder: { receives: ["GetConsensus"] } });
  initiator.tell(ask);
  carry(initiator, responder);
  assert.equal(downOf(responder), null);
  assert.deepEqual(commandsOf(responder), [ask.command]);
});
