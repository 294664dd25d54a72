/**
 * A packet passes a node once (specs/sphinx_replay_detection.rst): whatever comes a second time is dropped as replayed,
 * also after a crash, unless its tag was never recorded; and nothing else is.
 *
 * @module
 */
import { toHex } from "../../../core/bytes.ts";
import type { StoreEvent, Unwrapped } from "../../../core/effects.ts";
import type { CreateOracle } from "./oracle.ts";

interface Books {
  /** Tags in hex that were recorded, or are about to be. */
  readonly tags: Set<string>;
  /** Packets in replay detection, by the request's id. */
  readonly pending: Map<number, { readonly tag: string; readonly isRepeated: boolean }>;
  repeated: number;
  dropped: number;
}

export const replays: CreateOracle = ({ network }, report) => {
  const byNode = new Map<string, Books>(
    network.nodes.map((name) => [name, { tags: new Set(), pending: new Map(), repeated: 0, dropped: 0 }]),
  );

  const onUnwrapped = (books: Books, { id, result }: Unwrapped): void => {
    if (!result.ok) return;
    const tag = toHex(result.replayTag);
    const isRepeated = books.tags.has(tag);
    if (isRepeated) books.repeated++;
    books.tags.add(tag);
    books.pending.set(id, { tag, isRepeated });
  };

  /** The packet is gone, and no tag of it was recorded for sure. */
  const forget = (books: Books, id: number): void => {
    const packet = books.pending.get(id);
    if (packet?.isRepeated === true) books.repeated--;
    else if (packet !== undefined) books.tags.delete(packet.tag);
    books.pending.delete(id);
  };

  const onTested = (books: Books, { id, outcome }: Extract<StoreEvent, { readonly type: "ReplayTested" }>): void => {
    if (outcome === "failed" || outcome === "full") forget(books, id);
    else books.pending.delete(id);
  };

  const total = (key: "repeated" | "dropped"): number =>
    [...byNode.values()].reduce((sum, books) => sum + books[key], 0);

  return {
    name: "replays",
    observer: {
      crashed: (_at, host) => {
        const books = byNode.get(host);
        for (const id of books?.pending.keys() ?? []) forget(books!, id);
      },
      input: (_at, host, input) => {
        const books = byNode.get(host);
        const event = input?.event as Unwrapped | StoreEvent | undefined;
        if (books === undefined || event === undefined) return;
        if (event.type === "Unwrapped") onUnwrapped(books, event);
        if (event.type === "ReplayTested") onTested(books, event);
      },
      emission: (_at, host, { effect }) => {
        const books = byNode.get(host);
        if (books !== undefined && effect.type === "Drop" && effect.reason === "replayed") books.dropped++;
      },
    },
    finish: () => {
      for (const [host, { repeated, dropped }] of byNode) {
        if (repeated !== dropped) {
          report("safety", `${host} dropped ${dropped} packets as replayed, and ${repeated} came a second time`);
        }
      }
    },
    summary: () => `${total("repeated")} packets came a second time, ${total("dropped")} were dropped for it`,
  };
};
