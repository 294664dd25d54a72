/**
 * What connections write, in order while packets are sealed elsewhere (unwrapper.ts): what comes after a packet waits
 * for it. Sessions have a few writes under way at a time, so that little can wait.
 *
 * @module
 */
import type { WritePacket } from "../core/effects.ts";
import type { Address } from "../core/system.ts";
import type { Tcp } from "./tcp.ts";
import type { Unwrapper } from "./unwrapper.ts";

export interface OrderedWrites {
  readonly write: (at: Address, pieces: ReadonlyArray<Uint8Array>) => void;
  readonly writePacket: (at: Address, effect: WritePacket) => void;
  /** The connection ends: what is not sealed yet is not written. */
  readonly forget: (at: Address) => void;
}

interface Slot {
  /** Null while it is being sealed. */
  pieces: ReadonlyArray<Uint8Array> | null;
  /** Nobody reads the pieces any more. */
  done: () => void;
}

const nothing = (): void => {};

export const createOrderedWrites = (tcp: Pick<Tcp, "write">, seal: Unwrapper["seal"]): OrderedWrites => {
  /** Of connections for which something is being sealed. */
  const waiting = new Map<Address, Slot[]>();

  const flush = (at: Address, slots: Slot[]): void => {
    for (let first = slots[0]; first !== undefined && first.pieces !== null; first = slots[0]) {
      slots.shift();
      tcp.write(at, first.pieces, first.done);
    }
    if (slots.length === 0) waiting.delete(at);
  };

  return {
    write: (at, pieces) => {
      const slots = waiting.get(at);
      if (slots === undefined) tcp.write(at, pieces);
      else slots.push({ pieces, done: nothing });
    },
    writePacket: (at, effect) => {
      const slots = waiting.get(at) ?? [];
      const slot: Slot = { pieces: null, done: nothing };
      slots.push(slot);
      waiting.set(at, slots);
      seal(effect, (body, done) => {
        // Another connection may have its name by now.
        if (waiting.get(at) !== slots) return done();
        slot.pieces = [effect.header, ...body];
        slot.done = done;
        flush(at, slots);
      });
    },
    forget: (at) => void waiting.delete(at),
  };
};
