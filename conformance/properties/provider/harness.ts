/** Providers under test: one user, whose mailbox is filled and read through the node machine. */
import assert from "node:assert/strict";
import type { Effect } from "../../../core/effects.ts";
import { E } from "../../../core/fp.ts";
import type { RoutingCommand } from "../../../core/sphinx/commands.ts";
import { encodeForwardPayload } from "../../../core/sphinx/payload.ts";
import type { Surb } from "../../../core/sphinx/surb.ts";
import {
  createDriver,
  createRunning,
  documentOf,
  type Driver,
  firstEpoch,
  geometry,
  type Options,
  recipient,
  told,
} from "../mix/fixture.ts";

export interface Harness {
  readonly deliver: (text: Uint8Array) => void;
  /** The answer of the open session; `text` and `hint` null for an empty one. */
  readonly retrieve: (sequence: number) => { text: string | null; sequence: number; hint: number | null };
  /** The last sequence number that was sent in this session; -1 for none. */
  readonly lastSequence: () => number;
  readonly reconnect: (restart: boolean) => void;
}

export const createProviderHarness = (): Harness => {
  let driver: Driver = createRunning("p1");
  driver.register("alice");
  let senders = driver.connectNode("c1");
  let session = driver.connectUser("alice");
  let last = -1;

  return {
    deliver: (text) => {
      const payload = encodeForwardPayload(geometry, null, text);
      assert.ok(E.isRight(payload));
      driver.send(senders);
      driver.unwrapped([{ type: "Recipient", id: recipient("alice") }], payload.right);
    },
    retrieve: (sequence) => {
      last = sequence;
      const asked = driver.report(session, { type: "Command", command: { type: "RetrieveMessage", sequence } });
      const [answer] = told([...asked, ...driver.flush()], session);
      assert.ok(answer?.type === "Send");
      const { command } = answer;
      if (command.type === "MessageEmpty") return { text: null, sequence: command.sequence, hint: null };
      assert.ok(command.type === "Message");
      const text = new TextDecoder().decode(command.payload).replace(/\0+$/, "");
      return { text, sequence: command.sequence, hint: command.queueSizeHint };
    },
    lastSequence: () => last,
    reconnect: (restart) => {
      driver.report(session, { type: "Down", reason: "peer-closed" });
      if (restart) {
        driver = createDriver("p1", {}, driver.store);
        driver.document(documentOf(firstEpoch));
        senders = driver.connectNode("c1");
      }
      session = driver.connectUser("alice");
      last = -1;
    },
  };
};

/** A Provider with the user alice. */
export const createProvider = (options: Options = {}): Driver => {
  const provider = createRunning("p1", options);
  provider.register("alice");
  return provider;
};

export const payloadOf = (surb: Surb | null, text = "hello"): Uint8Array => {
  const payload = encodeForwardPayload(geometry, surb, new TextEncoder().encode(text));
  assert.ok(E.isRight(payload));
  return payload.right;
};

export const to = (user: string): RoutingCommand => ({ type: "Recipient", id: recipient(user) });
export const delayed = (delayMs: number): RoutingCommand => ({ type: "NodeDelay", delayMs });

/** A packet from the last layer that unwraps to this; the effects until the store has answered. */
export const arrive = (
  provider: Driver,
  commands: ReadonlyArray<RoutingCommand>,
  payload: Uint8Array,
): ReadonlyArray<Effect> => {
  const { bySession } = provider.state().connections;
  const known = bySession.findKey((connection) => connection.type === "up" && connection.peer.type === "node");
  provider.send(known ?? provider.connectNode("c1"));
  return provider.unwrapped(commands, payload);
};
