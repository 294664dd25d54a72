/**
 * Messages between a client and their reader: an asynchronous iterator over a queue. Bounded: where nobody reads, the
 * oldest are lost, which whoever puts them in is told.
 *
 * @module
 */

export interface ReceivedMessage {
  /** The sender's X25519 key, 32 bytes, authenticated. */
  readonly from: Uint8Array;
  /** 16 bytes in hex. */
  readonly id: string;
  readonly payload: Uint8Array;
  /** The payload as UTF-8, or null where it is none. */
  readonly text: string | null;
}

export const messagesMax = 1024;

export interface Mailbag {
  /** True where the oldest message was lost for it. */
  readonly put: (message: ReceivedMessage) => boolean;
  /** Readers get what is there, then the end. */
  readonly end: () => void;
  /** The one queue, however many read it: each message goes to one of them. */
  readonly read: () => AsyncIterableIterator<ReceivedMessage>;
}

export const createMailbag = (): Mailbag => {
  const waiting: ReceivedMessage[] = [];
  const readers: Array<(result: IteratorResult<ReceivedMessage>) => void> = [];
  let ended = false;
  const finished: IteratorResult<ReceivedMessage> = { done: true, value: undefined };

  const next = (): Promise<IteratorResult<ReceivedMessage>> => {
    const value = waiting.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return ended ? Promise.resolve(finished) : new Promise((resolve) => readers.push(resolve));
  };
  const iterator: AsyncIterableIterator<ReceivedMessage> = { next, [Symbol.asyncIterator]: () => iterator };

  return {
    put: (message) => {
      const reader = readers.shift();
      if (reader !== undefined) reader({ done: false, value: message });
      else waiting.push(message);
      if (waiting.length <= messagesMax) return false;
      waiting.shift();
      return true;
    },
    end: () => {
      ended = true;
      for (const reader of readers.splice(0)) reader(finished);
    },
    read: () => iterator,
  };
};
