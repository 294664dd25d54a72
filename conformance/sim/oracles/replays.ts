/**
 * A packet passes a node once (specs/sphinx_replay_detection.rst): whatever comes a second time is dropped as replayed,
 * also after a crash, unless its tag was never recorded; and nothing else is.
 *
 * @module
 */
import { equal } from "../../../core/bytes.ts";
import type { StoreEvent, Unwrapped } from "../../../core/effects.ts";
import { createTagSet, type TagSet } from "../tag_set.ts";
import type { CreateOracle } from "./oracle.ts";

interface Books {
  /** Tags that were recorded, by the epoch of their key. */
  readonly tags: Map<number, TagSet>;
  /** Packets in replay detection, by the request's id: few at a time. */
  readonly pending: Map<number, { readonly epoch: number; readonly tag: Uint8Array; readonly isRepeated: boolean }>;
  repeated: number;
  dropped: number;
}

/** So many epochs later a key has been destroyed for long: nothing opens with it, neither at first nor again. */
const epochsKept = 5;

export const replays: CreateOracle = ({ network }, report) => {
  const byNode = new Map<string, Books>(
    network.nodes.map((name) => [name, { tags: new Map(), pending: new Map(), repeated: 0, dropped: 0 }]),
  );

  const onUnwrapped = (books: Books, { id, result }: Unwrapped): void => {
    if (!result.ok) return;
    const { epoch } = result;
    const tag = result.replayTag.slice();
    const isRepeated = tagsOf(books, epoch).has(tag) || isPending(books, epoch, tag);
    if (isRepeated) books.repeated++;
    books.pending.set(id, { epoch, tag, isRepeated });
  };

  const isPending = ({ pending }: Books, epoch: number, tag: Uint8Array): boolean => {
    for (const of of pending.values()) if (of.epoch === epoch && equal(of.tag, tag)) return true;
    return false;
  };

  const tagsOf = ({ tags }: Books, epoch: number): TagSet => {
    const known = tags.get(epoch);
    if (known !== undefined) return known;
    const made = createTagSet();
    tags.set(epoch, made);
    const oldest = Math.max(...tags.keys()) - epochsKept;
    for (const of of tags.keys()) if (of < oldest) tags.delete(of);
    return made;
  };

  /** The packet is gone, and no tag of it was recorded for sure. */
  const forget = (books: Books, id: number): void => {
    if (books.pending.get(id)?.isRepeated === true) books.repeated--;
    books.pending.delete(id);
  };

  const record = (books: Books, id: number): void => {
    const packet = books.pending.get(id);
    if (packet !== undefined) tagsOf(books, packet.epoch).add(packet.tag);
    books.pending.delete(id);
  };

  const onTested = (books: Books, { id, outcome }: Extract<StoreEvent, { readonly type: "ReplayTested" }>): void => {
    if (outcome === "failed" || outcome === "full") forget(books, id);
    else record(books, id);
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
      events: ["Unwrapped", "ReplayTested"],
      input: (_at, host, input) => {
        const books = byNode.get(host);
        const event = input?.event as Unwrapped | StoreEvent | undefined;
        if (books === undefined || event === undefined) return;
        if (event.type === "Unwrapped") onUnwrapped(books, event);
        if (event.type === "ReplayTested") onTested(books, event);
      },
      effects: ["Drop"],
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
