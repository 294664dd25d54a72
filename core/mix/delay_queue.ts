/**
 * The packets that wait for their delay (specs/mixnet.rst §4.3, wire-facts §6.2): a persistent priority queue by due
 * time, from which a random packet can be taken when there are too many.
 *
 * The heap holds the order and a table the packets; what was evicted stays in the heap as a dead ticket until it comes
 * to the front or dead tickets outnumber the living. Items of equal time leave in the order in which they came.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import { emptyHeap, type Heap, peek, pop, push } from "../heap.ts";
import { type Mono, mono } from "../machine.ts";
import { type Random, uniformInteger } from "../random.ts";

export interface Delayed {
  /** When it shall leave. */
  readonly due: Mono;
  /** Identity key of the next hop, in hex. */
  readonly nextHop: string;
  readonly packet: Uint8Array;
}

interface Held {
  readonly item: Delayed;
  /** Where its ticket stands in `drawn`. */
  readonly place: number;
}

export interface DelayQueue {
  readonly order: Heap<number>;
  readonly held: PersistentMap<number, Held>;
  /** The tickets of what is held, without gaps: for a uniform choice. */
  readonly drawn: List<number>;
  readonly nextTicket: number;
}

/** The heap is made anew when it holds more than twice the living and this many. */
const deadTicketsMin = 64;

export const emptyQueue: DelayQueue = { order: emptyHeap(), held: PersistentMap(), drawn: List(), nextTicket: 0 };

export const queueSize = (queue: DelayQueue): number => queue.held.size;

/** When the first packet is due, or null. */
export const nextDue = (queue: DelayQueue): Mono | null => {
  const first = peek(queue.order);
  return first === null ? null : mono(first.key);
};

export const enqueue = (queue: DelayQueue, item: Delayed): DelayQueue => ({
  order: push(queue.order, item.due, queue.nextTicket),
  held: queue.held.set(queue.nextTicket, { item, place: queue.drawn.size }),
  drawn: queue.drawn.push(queue.nextTicket),
  nextTicket: queue.nextTicket + 1,
});

/** Takes the first packet if it is due. */
export const dequeueDue = (
  queue: DelayQueue,
  now: Mono,
): { readonly queue: DelayQueue; readonly item: Delayed } | null => {
  const first = peek(queue.order);
  if (first === null || first.key > now) return null;
  const { item } = queue.held.get(first.value)!;
  return { queue: withLivingFront(remove({ ...queue, order: pop(queue.order) }, first.value)), item };
};

/** Takes a uniformly chosen packet; the queue is not empty. */
export const evict = (queue: DelayQueue, random: Random): { readonly queue: DelayQueue; readonly item: Delayed } => {
  const ticket = queue.drawn.get(uniformInteger(random, queue.drawn.size))!;
  const { item } = queue.held.get(ticket)!;
  return { queue: withFewDead(withLivingFront(remove(queue, ticket))), item };
};

/** The last ticket takes the place of the one removed. */
const remove = (queue: DelayQueue, ticket: number): DelayQueue => {
  const { place } = queue.held.get(ticket)!;
  const last = queue.drawn.last()!;
  const moved = queue.held.set(last, { ...queue.held.get(last)!, place });
  return { ...queue, held: moved.delete(ticket), drawn: queue.drawn.set(place, last).pop() };
};

/** So that the first key is that of a packet and not of a dead ticket. */
const withLivingFront = (queue: DelayQueue): DelayQueue => {
  let { order } = queue;
  for (let first = peek(order); first !== null && !queue.held.has(first.value); first = peek(order)) order = pop(order);
  return order === queue.order ? queue : { ...queue, order };
};

// Tickets are given in the order of arrival, so that sorting by them keeps equal times in order.
const withFewDead = (queue: DelayQueue): DelayQueue => {
  if (queue.order.size <= 2 * queue.held.size + deadTicketsMin) return queue;
  const tickets = [...queue.held.keys()].sort((a, b) => a - b);
  return {
    ...queue,
    order: tickets.reduce((heap, ticket) => push(heap, queue.held.get(ticket)!.item.due, ticket), emptyHeap<number>()),
  };
};
