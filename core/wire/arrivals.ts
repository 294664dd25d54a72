/**
 * How often strangers may come: their handshakes cost key exchanges, which packets have to wait for (specs/mixnet.rst
 * §4.1: nodes may rate-limit connections). How many there may be at once says admission.ts.
 *
 * Go has no such limit. Here each address (remote_address.ts) has a token bucket, and all of them together another one.
 * Half of the common one is kept for addresses that have not come for a minute, so that few addresses that come without
 * end cannot use it up. Whom this does not concern (known peers' addresses) is not asked for a token.
 *
 * @module
 */
import { OrderedMap } from "../collections/ordered_map.ts";
import type { Mono } from "../machine.ts";
import { type Bucket, fullBucket, type RateLimit, spend } from "../token_bucket.ts";

export interface ArrivalLimits {
  /** Handshakes of one address. */
  readonly arrivalsPerMinute: number;
  /** The same of all addresses together. */
  readonly arrivalsPerMinuteInAll: number;
}

export interface Arrivals {
  /** Of the addresses that came within a minute, the last at the end: as many as the common bucket has let in. */
  readonly byAddress: OrderedMap<string, Bucket>;
  /** Null: full. */
  readonly all: Bucket | null;
}

export const noArrivals: Arrivals = { byAddress: OrderedMap(), all: null };

const minuteMs = 60_000;

/** What may come at once: the share of a quarter of a minute. */
const rateOf = (perMinute: number): RateLimit => ({ ratePerMinute: perMinute, burst: Math.max(1, perMinute / 4) });

export interface Arrived {
  readonly arrivals: Arrivals;
  readonly refusal: "address-rate" | "common-rate" | null;
}

/** Somebody comes from an address, as `addressOf` gives it. */
export const arrive = (
  { byAddress, all }: Arrivals,
  { arrivalsPerMinute, arrivalsPerMinuteInAll }: ArrivalLimits,
  from: string,
  now: Mono,
): Arrived => {
  const recent = byAddress.skipWhile(({ at }) => now - at >= minuteMs);
  const refused = (refusal: Arrived["refusal"]): Arrived => ({ arrivals: { byAddress: recent, all }, refusal });
  const [own, common] = [rateOf(arrivalsPerMinute), rateOf(arrivalsPerMinuteInAll)];
  const known = recent.get(from);
  const bucket = spend(own, known ?? fullBucket(now, own.burst), now);
  if (bucket === null) return refused("address-rate");
  const left = spend(common, all ?? fullBucket(now, common.burst), now);
  if (left === null || (known !== undefined && left.tokens < common.burst / 2)) return refused("common-rate");
  return { arrivals: { byAddress: recent.delete(from).set(from, bucket), all: left }, refusal: null };
};
