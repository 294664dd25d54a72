/**
 * One direction of a connection: bytes take their time, keep their order, and arrive in other pieces than they were
 * sent in.
 *
 * A write is flushed at once while the pipe holds less than a socket's buffers would, else when the reader has caught
 * up.
 *
 * @module
 */
import { concat } from "../../core/bytes.ts";
import type { Agenda } from "./agenda.ts";
import type { Prng } from "./prng.ts";

/** At most this much at once, as the driver of the real sockets promises (core/effects.ts). */
const receivedLengthMax = 64 * 1024;
/** What the two kernels hold for a reader that does not read. */
const bufferLength = 256 * 1024;
/** One write in so many is split at a random place. */
const splitOneIn = 8;

export interface PipeEnds {
  readonly received: (bytes: Uint8Array) => void;
  readonly flushed: (length: number) => void;
  /** All that was written before `end` has been received. */
  readonly ended: () => void;
}

export interface Pipe {
  readonly write: (bytes: Uint8Array) => void;
  /** After what was written. */
  readonly end: () => void;
  readonly pause: () => void;
  readonly resume: () => void;
  /** Looks again, after the link was stalled, for what has arrived. */
  readonly unstall: () => void;
  /** Loses what is on its way; nothing more happens. */
  readonly cut: () => void;
}

interface Segment {
  readonly arrivesAt: number;
  readonly bytes: Uint8Array | null;
}

/** What a pipe lies in. */
export interface Medium {
  readonly agenda: Agenda;
  readonly prng: Prng;
  readonly latencyMs: () => number;
  /** Nothing arrives meanwhile. */
  readonly isStalled: () => boolean;
}

export const createPipe = ({ agenda, prng, latencyMs, isStalled }: Medium, ends: PipeEnds): Pipe => {
  const segments: Segment[] = [];
  let unflushed: number[] = [];
  let [held, unflushedLength, lastArrival, paused, dead, ended] = [0, 0, 0, false, false, false];

  const flush = (): void => {
    while (unflushed.length > 0 && held - unflushedLength < bufferLength) {
      const length = unflushed.shift()!;
      unflushedLength -= length;
      agenda.at(agenda.now(), () => dead || ends.flushed(length));
    }
  };

  const deliver = (): void => {
    if (!hasArrived()) return;
    const arrived = takeArrived(segments, agenda.now());
    if (arrived !== null) {
      held -= arrived.length;
      flush();
      ends.received(arrived);
      if (!hasArrived()) return;
    }
    if (segments[0]!.bytes !== null) return agenda.at(agenda.now(), deliver);
    dead = true;
    ends.ended();
  };

  const hasArrived = (): boolean =>
    segments.length > 0 && segments[0]!.arrivesAt <= agenda.now() && !dead && !paused && !isStalled();

  const enqueue = (bytes: Uint8Array | null): void => {
    lastArrival = Math.max(lastArrival, agenda.now() + latencyMs());
    segments.push({ arrivesAt: lastArrival, bytes });
    agenda.at(lastArrival, deliver);
  };

  return {
    write: (bytes) => {
      if (dead || ended) return;
      held += bytes.length;
      unflushed.push(bytes.length);
      unflushedLength += bytes.length;
      const cutAt = bytes.length > 1 && prng.once(splitOneIn) ? 1 + prng.below(bytes.length - 1) : bytes.length;
      enqueue(bytes.subarray(0, cutAt));
      if (cutAt < bytes.length) enqueue(bytes.subarray(cutAt));
      flush();
    },
    end: () => {
      if (dead || ended) return;
      ended = true;
      unflushed = [];
      unflushedLength = 0;
      enqueue(null);
    },
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      agenda.at(agenda.now(), deliver);
    },
    unstall: () => agenda.at(agenda.now(), deliver),
    cut: () => {
      dead = true;
    },
  };
};

/** Takes the bytes that have arrived, joined, as far as one event may carry them; null before an end. */
const takeArrived = (segments: Segment[], now: number): Uint8Array | null => {
  const parts: Uint8Array[] = [];
  for (let room = receivedLengthMax; room > 0 && segments.length > 0;) {
    const { arrivesAt, bytes } = segments[0]!;
    if (arrivesAt > now || bytes === null) break;
    parts.push(bytes.length > room ? bytes.subarray(0, room) : bytes);
    if (bytes.length > room) segments[0] = { arrivesAt, bytes: bytes.subarray(room) };
    else segments.shift();
    room -= bytes.length;
  }
  return parts.length > 1 ? concat(...parts) : parts[0] ?? null;
};
