/**
 * The adversary at a node's link: keeps a copy of a packet and sends it again, as the neighbour that owns the link
 * could.
 *
 * @module
 */
import type { NodeState } from "../../core/mix/state.ts";
import { nodeAddress } from "../../core/mix/system.ts";
import type { SessionReport } from "../../core/wire/session.ts";
import type { World } from "./world.ts";

export interface Recorder {
  /** Keeps a copy of the next packet that the node takes in. */
  readonly record: (host: string) => void;
  /** Sends the copy again over some link of another node, if there is one. */
  readonly replay: (host: string) => void;
}

export const createRecorder = (world: World): Recorder => {
  const wanted = new Set<string>();
  const copies = new Map<string, Uint8Array>();
  world.observe({
    emission: (_at, host, { effect }) => {
      if (effect.type !== "Unwrap" || !wanted.delete(host)) return;
      copies.set(host, effect.packet.slice());
    },
  });

  const sessionOf = (host: string): string | undefined => {
    const node = world.host(host).state()?.machines.get(nodeAddress)?.state as NodeState | undefined;
    return node?.connections.bySession.findKey((connection) =>
      connection.type === "up" && connection.peer.type === "node"
    );
  };

  return {
    record: (host) => void wanted.add(host),
    replay: (host) => {
      const [packet, session] = [copies.get(host), sessionOf(host)];
      wanted.delete(host);
      copies.delete(host);
      if (packet === undefined || session === undefined) return;
      const command = { type: "SendPacket", packet } as const;
      world.host(host).tell(
        nodeAddress,
        { type: "Session", session, report: { type: "Command", command } } satisfies SessionReport,
      );
    },
  };
};
