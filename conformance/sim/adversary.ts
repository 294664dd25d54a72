/**
 * The adversary at a node's link: keeps a copy of a packet and sends it again, as the neighbour that owns the link
 * could.
 *
 * @module
 */
import type { NodeState } from "../../core/mix/state.ts";
import { nodeAddress } from "../../core/mix/system.ts";
import type { SealedMessage } from "../../core/noise/cipher_state.ts";
import type { SessionReport } from "../../core/wire/session.ts";
import type { World } from "./world.ts";

export interface Recorder {
  /** Keeps a copy of the next packet that the node takes in. */
  readonly record: (host: string) => void;
  /** Sends the copy again over some link of another node, if there is one. */
  readonly replay: (host: string) => void;
}

/** Whoever opens a message wipes its key. */
const copyOf = ({ cipher, pieces }: SealedMessage): SealedMessage => ({
  cipher: { ...cipher, key: cipher.key.slice() },
  pieces: pieces.map((piece) => piece.slice()),
});

export const createRecorder = (world: World): Recorder => {
  const wanted = new Set<string>();
  const copies = new Map<string, SealedMessage>();
  world.observe({
    emission: (_at, host, { effect }) => {
      if (effect.type !== "Unwrap" || !wanted.delete(host)) return;
      copies.set(host, copyOf(effect.sealed));
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
      const [message, session] = [copies.get(host), sessionOf(host)];
      wanted.delete(host);
      copies.delete(host);
      if (message === undefined || session === undefined) return;
      const report: SessionReport = { type: "Session", session, report: { type: "Sealed", message } };
      world.host(host).tell(nodeAddress, report);
    },
  };
};
