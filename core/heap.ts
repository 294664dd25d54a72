/**
 * A persistent min-heap (pairing heap): push and the first item in O(1), pop in amortised O(log n), nothing copied.
 * Used for deadlines (system.ts) and delays (mix/delay_queue.ts), which may hold 10,000 entries and more.
 *
 * Items of equal key leave in the order in which they came, so that a run is reproducible.
 *
 * @module
 */

interface Node<A> {
  readonly key: number;
  readonly order: number;
  readonly value: A;
  readonly children: Children<A>;
}

type Children<A> = { readonly head: Node<A>; readonly tail: Children<A> } | null;

export interface Heap<A> {
  readonly root: Node<A> | null;
  readonly size: number;
  readonly pushed: number;
}

const none: Heap<never> = { root: null, size: 0, pushed: 0 };

export const emptyHeap = <A>(): Heap<A> => none;

export const push = <A>(heap: Heap<A>, key: number, value: A): Heap<A> => {
  const node: Node<A> = { key, order: heap.pushed, value, children: null };
  return { root: heap.root === null ? node : meld(heap.root, node), size: heap.size + 1, pushed: heap.pushed + 1 };
};

/** The item of the least key without removing it, or null. */
export const peek = <A>(heap: Heap<A>): { readonly key: number; readonly value: A } | null => heap.root;

/** The heap without its first item; an empty heap stays empty. */
export const pop = <A>(heap: Heap<A>): Heap<A> =>
  heap.root === null ? heap : { root: meldPairs(heap.root.children), size: heap.size - 1, pushed: heap.pushed };

const meld = <A>(a: Node<A>, b: Node<A>): Node<A> => {
  const [first, second] = a.key < b.key || (a.key === b.key && a.order < b.order) ? [a, b] : [b, a];
  return { key: first.key, order: first.order, value: first.value, children: { head: second, tail: first.children } };
};

// Iterative, since a heap that was filled in order has as many children as items.
const meldPairs = <A>(children: Children<A>): Node<A> | null => {
  const pairs: Array<Node<A>> = [];
  for (let at = children; at !== null;) {
    const next = at.tail;
    pairs.push(next === null ? at.head : meld(at.head, next.head));
    at = next === null ? null : next.tail;
  }
  let root: Node<A> | null = null;
  for (let i = pairs.length - 1; i >= 0; i--) root = root === null ? pairs[i]! : meld(pairs[i]!, root);
  return root;
};
