/**
 * How many entries everything that a state holds has: found by walking it, so that a field nobody thought of counts as
 * well. Collections of entries of the same kind are summed: `node/links/byId` is the size of that table, and
 * `node/links/byId/*` what its entries hold in turn.
 *
 * @module
 */

/** Entries, or bytes, by path. */
export type Census = ReadonlyMap<string, number>;

interface HeapNode {
  readonly value: unknown;
  readonly children: { readonly head: HeapNode; readonly tail: HeapNode["children"] } | null;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const isIterable = (value: object): value is Iterable<unknown> => Symbol.iterator in value;

const isKeyed = (value: object): value is ReadonlyMap<unknown, unknown> => "get" in value && "values" in value;

/** core/heap.ts: its items are walked, not its nodes. */
const isHeap = (value: Readonly<Record<string, unknown>>): boolean =>
  "root" in value && "size" in value && "pushed" in value;

const heapValues = (root: HeapNode | null): unknown[] => {
  const values: unknown[] = [];
  const nodes = root === null ? [] : [root];
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    values.push(node.value);
    for (let child = node.children; child !== null; child = child.tail) nodes.push(child.head);
  }
  return values;
};

/** The entries of a collection; null for what is none. */
const entriesOf = (value: Readonly<Record<string, unknown>>): unknown[] | null => {
  if (isIterable(value)) return [...(isKeyed(value) ? value.values() : value)];
  return isHeap(value) ? heapValues(value["root"] as HeapNode | null) : null;
};

/** What a state holds. Values that are shared are counted where they are met first. */
export const census = (state: unknown): Census => {
  const counts = new Map<string, number>();
  const met = new Set<unknown>();
  const add = (path: string, count: number): void => void counts.set(path, (counts.get(path) ?? 0) + count);
  const walk = (path: string, value: unknown): void => {
    if (typeof value === "string") return add(`${path} (text)`, value.length);
    if (!isRecord(value) || met.has(value)) return;
    met.add(value);
    if (ArrayBuffer.isView(value)) return add(`${path} (bytes)`, value.byteLength);
    const entries = entriesOf(value);
    if (entries !== null) {
      add(path, entries.length);
      for (const entry of entries) walk(`${path}/*`, entry);
    } else for (const key of Object.keys(value)) walk(`${path}/${key}`, value[key]);
  };
  walk("", state);
  return counts;
};
