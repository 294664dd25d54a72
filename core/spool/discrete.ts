/**
 * Discrete spool (drafts/dspool.rst §3): an ordered list of byte strings with stable indexes, a local interface for one
 * entity. Everything above is built on it.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { compare } from "../bytes.ts";
import { E, type Either } from "../fp.ts";
import { entriesMax, messageLengthMax } from "./domains.ts";

export interface DiscreteSpool {
  /** The index of the first item that is not forgotten. */
  readonly first: number;
  readonly items: List<Uint8Array>;
}

export const emptyDiscrete: DiscreteSpool = { first: 0, items: List() };

/** The index that the next item gets. */
export const discreteLength = ({ first, items }: DiscreteSpool): number => first + items.size;

/** Left: `full` at 65,536 items ever, `too-long` above 65,536 bytes. */
export const appendDiscrete = (
  spool: DiscreteSpool,
  message: Uint8Array,
): Either<"full" | "too-long", { readonly spool: DiscreteSpool; readonly index: number }> => {
  const index = discreteLength(spool);
  if (message.length > messageLengthMax) return E.left("too-long");
  if (index >= entriesMax) return E.left("full");
  return E.right({ spool: { ...spool, items: spool.items.push(message) }, index });
};

/**
 * The item at `index` and those after it, at most `limit`, all of them for 0. Left: `forgotten`. Beyond the end there
 * is nothing.
 */
export const readDiscrete = (
  { first, items }: DiscreteSpool,
  index: number,
  limit = 1,
): Either<"forgotten", ReadonlyArray<Uint8Array>> => {
  if (index < first) return E.left("forgotten");
  const end = limit === 0 ? undefined : index - first + limit;
  return E.right([...items.slice(index - first, end)]);
};

/** Forgets everything older than `index`: the item at `index` stays, and so do all indexes. */
export const forgetDiscrete = (spool: DiscreteSpool, index: number): DiscreteSpool => {
  const first = Math.min(index, discreteLength(spool));
  return first <= spool.first ? spool : { first, items: spool.items.skip(first - spool.first) };
};

/** Without the items from `end` on. */
export const truncateDiscrete = (spool: DiscreteSpool, end: number): DiscreteSpool =>
  discreteLength(spool) <= end ? spool : { ...spool, items: spool.items.take(Math.max(0, end - spool.first)) };

/**
 * The join of two copies of one spool: what either has and neither has forgotten. Copies of one owner are prefixes of
 * one another; where faulty ones differ the bytewise smaller item holds, so that the order of merging never matters.
 */
export const mergeDiscrete = (a: DiscreteSpool, b: DiscreteSpool): DiscreteSpool => {
  const first = Math.max(a.first, b.first);
  const end = Math.max(discreteLength(a), discreteLength(b));
  const items: Uint8Array[] = [];
  for (let index = first; index < end; index++) {
    const [mine, others] = [a.items.get(index - a.first), b.items.get(index - b.first)];
    const smaller = mine === undefined || (others !== undefined && compare(others, mine) < 0) ? others : mine;
    if (smaller !== undefined) items.push(smaller);
  }
  return { first, items: List(items) };
};
