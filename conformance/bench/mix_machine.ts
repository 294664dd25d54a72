/**
 * A mix's machine (core/mix/node.ts) driven by hand, with real packets and a real store: the sessions around it are
 * played, and time is what the driver says.
 *
 * @module
 */
import { nativeSuite as suite } from "../../adapters/crypto_native.ts";
import type { Store, StoreEffect } from "../../adapters/store.ts";
import type { Effect } from "../../core/effects.ts";
import { type Context, mono, tick, wall } from "../../core/machine.ts";
import type { Limits } from "../../core/mix/config.ts";
import { createNode, type NodeEvent } from "../../core/mix/node.ts";
import type { NodeState } from "../../core/mix/state.ts";
import { utf8 } from "../../core/bytes.ts";
import { epochStart } from "../../core/pki/epoch.ts";
import { katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { performUnwrap } from "../../core/mix/unwrap_frame.ts";
import { clock, configOf, documentOf, firstEpoch, forwardTo, keysOf, periodMs } from "../properties/mix/fixture.ts";
import { sealedPacket } from "../properties/sealed.ts";
import { packetOf, prepare } from "./mix_packets.ts";

export interface Mix {
  readonly state: () => NodeState;
  /** A fresh packet for this mix, which is to leave 1 ms after it came. */
  readonly packet: () => Uint8Array;
  /** Takes them all, forwards them, and tells how many have left. */
  readonly forward: (packets: ReadonlyArray<Uint8Array>) => Promise<number>;
  /** Puts a packet into the delay queue for longer than any measurement takes. */
  readonly hold: (packet: Uint8Array) => Promise<void>;
}

const sphinx = { suite, geometry };
/** The node after this one. */
const next = "b1";
const nextPrivate = new Uint8Array(32).fill(9);
/** The longest that the document lets a packet wait is 20 s. */
const holdMs = 19_000;

const up = { type: "Up", clockSkewMs: 0, handshakeHash: new Uint8Array(64) } as const;

const isStoreEffect = (effect: Effect): effect is StoreEffect =>
  ["Commit", "Scan", "DropTable", "TestAndSetReplay"].includes(effect.type);

/** The mix `a1`, which has the document and is connected on both sides. */
export const createMix = async (store: Store, limits: Partial<Limits>): Promise<Mix> => {
  const machine = createNode(sphinx);
  const startWall = epochStart(clock, firstEpoch) + periodMs / 2;
  let [now, steps, held] = [0, 0, 0];
  let state: NodeState | null = null;
  /** What was asked of the store and is not answered. */
  let storing: Array<Promise<void>> = [];
  const unwrapping: NodeEvent[] = [];
  let sent = 0;

  const context = (): Context => {
    const seed = new Uint8Array(32);
    new DataView(seed.buffer).setUint32(0, steps++);
    return { now: mono(now), wall: wall(startWall + now), seed };
  };

  const settle = (step: { readonly state: NodeState; readonly effects: ReadonlyArray<Effect> }): void => {
    state = step.state;
    for (const effect of step.effects) perform(effect);
  };

  const tell = (event: NodeEvent): void => settle(machine.step(context(), state!, event));

  const perform = (effect: Effect): void => {
    if (isStoreEffect(effect)) {
      const answered = new Promise<void>((resolve) =>
        store.perform(effect, (event) => {
          tell(event);
          resolve();
        })
      );
      storing.push(answered);
    } else if (effect.type === "Unwrap") unwrapping.push(performUnwrap(sphinx, effect));
    else if (effect.type === "Tell") onTold(effect.to, effect.event as { type: string; id?: number });
  };

  const onTold = (session: string, { type, id }: { readonly type: string; readonly id?: number }): void => {
    if (type !== "Send" || id === undefined) return;
    sent++;
    tell({ type: "Session", session, report: { type: "Sent", id, dropped: null } });
  };

  /** Until nothing is asked of the store any more. */
  const stored = async (): Promise<void> => {
    while (storing.length > 0) {
      const all = storing;
      storing = [];
      await Promise.all(all);
    }
  };

  const report = (session: string, what: Extract<NodeEvent, { type: "Session" }>["report"]): void =>
    tell({ type: "Session", session, report: what });

  settle(machine.start(context(), { ...configOf("a1"), limits: { ...configOf("a1").limits, ...limits } }, undefined));
  await stored();
  const document = documentOf(firstEpoch);
  tell({ type: "Directory", report: { type: "Document", epoch: firstEpoch, raw: utf8("document"), document } });
  settle(machine.step(context(), state!, tick));
  for (const { phase } of state!.links.byId.values()) if (phase.type === "dialling") report(phase.session, up);
  const { identityKey, linkKey } = keysOf("p1");
  const from = "in/1";
  tell({ type: "Incoming", connection: from, remote: "127.0.0.1:9" });
  report(from, { type: "Authorize", additionalData: identityKey, key: linkKey, remote: "127.0.0.1:9" });
  report(from, up);
  await stored();

  const take = (packet: Uint8Array): void =>
    report(from, { type: "Sealed", message: sealedPacket(suite, geometry, packet) });

  const route = {
    mix: { id: keysOf("a1").identityKey, publicKey: state!.keys.get(firstEpoch)!.publicKey },
    next: { id: keysOf(next).identityKey, privateKey: nextPrivate },
  };

  return {
    state: () => state!,
    packet: () => packetOf(prepare(route, 1)),
    forward: async (packets) => {
      sent = 0;
      for (const packet of packets) {
        take(packet);
        tell(unwrapping.shift()!);
      }
      await stored();
      now += 2;
      for (let ticks = 0; ticks < packets.length && sent < packets.length; ticks++) {
        settle(machine.step(context(), state!, tick));
      }
      await stored();
      return sent;
    },
    hold: async (packet) => {
      take(packet);
      const { id } = unwrapping.shift() as Extract<NodeEvent, { type: "Unwrapped" }>;
      const replayTag = new Uint8Array(32);
      new DataView(replayTag.buffer).setUint32(0, ++held);
      const commands = forwardTo(next, holdMs);
      tell({
        type: "Unwrapped",
        id,
        result: { ok: true, epoch: firstEpoch, replayTag, commands, packet, payload: null },
      });
      if (held % 64 === 0) await stored();
    },
  };
};
