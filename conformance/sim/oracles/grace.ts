/**
 * No packet fails around the boundary of an epoch: without faults every packet that reaches a node opens with one
 * of its keys, comes from a node that may send it, and goes to a node that is listed.
 *
 * @module
 */
import type { DropReason } from "../../../core/mix/drop_reason.ts";
import { type CreateOracle, isCalm } from "./oracle.ts";

const failures: ReadonlySet<string> = new Set<DropReason>([
  "unwrap-frame",
  "unwrap-command",
  "unwrap-short",
  "unwrap-ad",
  "unwrap-point",
  "unwrap-mac",
  "unwrap-commands",
  "unwrap-payload",
  "no-mix-key",
  "peer-not-listed",
  "next-hop-unknown",
  "replayed",
]);

export const grace: CreateOracle = (view, report) => {
  const excused = new Map<string, number>();
  let opened = 0;
  return {
    name: "grace",
    observer: {
      events: ["Unwrapped"],
      input: () => {
        opened++;
      },
      effects: ["Drop"],
      emission: (_at, host, { effect }) => {
        if (effect.type !== "Drop" || !failures.has(effect.reason)) return;
        if (isCalm(view)) report("safety", `${host} drops a packet: ${effect.reason}`);
        else excused.set(effect.reason, (excused.get(effect.reason) ?? 0) + 1);
      },
    },
    summary: () => {
      const reasons = [...excused].sort().map(([reason, count]) => `, ${reason} ${count}`).join("");
      return `${opened} packets unwrapped; through faults${reasons || " none failed"}`;
    },
  };
};
