/**
 * A store that is measured: what it is asked for, how long commits take, why something failed.
 *
 * @module
 */
import type { StoreEvent, StoreWrite } from "../core/effects.ts";
import type { Metrics } from "./metrics.ts";
import type { Store, StoreEffect } from "./store.ts";

const bytesOf = ({ key, value }: StoreWrite): number => key.length + (value?.length ?? 0);

const failureOf = (event: StoreEvent): string | null => {
  if (event.type === "CommitFailed" || event.type === "ScanFailed") return event.reason;
  return event.type === "ReplayTested" && event.outcome === "failed" ? "replay-tag" : null;
};

const countAsked = (metrics: Metrics, effect: StoreEffect): void => {
  metrics.add("store-requests", effect.type);
  if (effect.type === "Commit") {
    metrics.add("store-bytes", undefined, effect.writes.reduce((sum, write) => sum + bytesOf(write), 0));
  }
  if (effect.type === "TestAndSetReplay") metrics.add("store-bytes", undefined, effect.tag.length);
};

export const measuredStore = (store: Store, metrics: Metrics): Store => ({
  ...store,
  perform: (effect, answer) => {
    const asked = performance.now();
    countAsked(metrics, effect);
    store.perform(effect, (event) => {
      if (effect.type === "Commit") metrics.observe("store-commit-seconds", (performance.now() - asked) / 1000);
      const failure = failureOf(event);
      if (failure !== null) metrics.add("store-failures", failure);
      answer(event);
    });
  },
});
