/**
 * Who performs the Unwrap effect (core/effects.ts): the calling thread, or a pool of workers (unwrap_pool.ts).
 *
 * @module
 */
import type { Unwrap, Unwrapped } from "../core/effects.ts";
import type { Sphinx } from "../core/sphinx/build.ts";
import { performUnwrap } from "../core/mix/unwrap_frame.ts";
import type { Metrics } from "./metrics.ts";

export interface Unwrapper {
  /** Answers once. Answers may come in another order than the effects. */
  readonly perform: (effect: Unwrap, answer: (event: Unwrapped) => void) => void;
  /** A packet of an answer is read by nobody any more. */
  readonly release: (packet: Uint8Array) => void;
  /** Drops what was kept of a private key that is destroyed. */
  readonly forget: (secret: Uint8Array) => void;
  /** What is under way is not answered. */
  readonly close: () => Promise<void>;
}

/** Unwraps at once, in the calling thread: right for small networks. */
export const inlineUnwrapper = (sphinx: Sphinx): Unwrapper => ({
  perform: (effect, answer) => answer(performUnwrap(sphinx, effect)),
  release: () => {},
  forget: () => {},
  close: () => Promise.resolve(),
});

/** One whose answers are timed. */
export const measuredUnwrapper = (unwrapper: Unwrapper, metrics: Metrics): Unwrapper => ({
  ...unwrapper,
  perform: (effect, answer) => {
    const asked = performance.now();
    unwrapper.perform(effect, (event) => {
      metrics.observe("unwrap-seconds", (performance.now() - asked) / 1000);
      answer(event);
    });
  },
});
