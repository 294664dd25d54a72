/**
 * How often something may come: a token bucket that starts full. A client's packets (wire-facts §6.5) refill it at the
 * document's SendRatePerMinute; in Go the burst is overwritten by 0 after the start, which drops everything; here it
 * stays. Handshakes: wire/arrivals.ts.
 *
 * @module
 */
import type { Mono } from "./machine.ts";

export interface RateLimit {
  /** Per minute; 0 is no limit. */
  readonly ratePerMinute: number;
  /** Tokens that a bucket holds, at least 1. */
  readonly burst: number;
}

export interface Bucket {
  /** As of `at`; a fraction is a token on its way. */
  readonly tokens: number;
  readonly at: Mono;
}

export const fullBucket = (now: Mono, burst: number): Bucket => ({ tokens: burst, at: now });

/** Takes a token; null where there is none. */
export const spend = ({ ratePerMinute, burst }: RateLimit, bucket: Bucket, now: Mono): Bucket | null => {
  if (ratePerMinute === 0) return { tokens: burst, at: now };
  const refilled = bucket.tokens + ((now - bucket.at) * ratePerMinute) / 60_000;
  const tokens = Math.min(burst, refilled);
  return tokens < 1 ? null : { tokens: tokens - 1, at: now };
};
