/**
 * A node's decoy loops that have not come back, and how those of each epoch fared.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import type { Mono } from "../machine.ts";

export interface Loop {
  /** The decryption token of the SURB. */
  readonly keys: Uint8Array;
  /** Lost after this. */
  readonly expectedBy: Mono;
  /** In which it was sent. */
  readonly epoch: number;
}

export interface LoopCount {
  readonly sent: number;
  readonly returned: number;
  readonly lost: number;
}

export interface Decoys {
  /** Whom replies are for: 64 random bytes of this process; null until it has started. */
  readonly recipient: Uint8Array | null;
  /** By SURB id in hex. */
  readonly pending: PersistentMap<string, Loop>;
  readonly byEpoch: PersistentMap<number, LoopCount>;
  /** When the next loop leaves; null while none shall. */
  readonly sendAt: Mono | null;
}

export const noDecoys: Decoys = { recipient: null, pending: PersistentMap(), byEpoch: PersistentMap(), sendAt: null };

const none: LoopCount = { sent: 0, returned: 0, lost: 0 };

const counted = (decoys: Decoys, epoch: number, field: keyof LoopCount): Decoys["byEpoch"] =>
  decoys.byEpoch.update(epoch, none, (loops) => ({ ...loops, [field]: loops[field] + 1 }));

export const withLoop = (decoys: Decoys, surbId: string, loop: Loop): Decoys => ({
  ...decoys,
  pending: decoys.pending.set(surbId, loop),
  byEpoch: counted(decoys, loop.epoch, "sent"),
});

export const finishLoop = (decoys: Decoys, surbId: string, loop: Loop, how: "returned" | "lost"): Decoys => ({
  ...decoys,
  pending: decoys.pending.delete(surbId),
  byEpoch: counted(decoys, loop.epoch, how),
});
