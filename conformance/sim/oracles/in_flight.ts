/**
 * What a client waits for comes or is given up: nothing it waits for is older than the longest wait that its
 * configuration allows, and after faults the oldest is no older than in a network that never had one.
 *
 * @module
 */
import type { ClientState } from "../../../core/client/state.ts";
import { clientsOf, type CreateOracle, isCalm } from "./oracle.ts";

/** The ages of what a client waits for, ms: SURBs beyond their time of arrival, packets in the egress queue. */
const agesOf = (state: ClientState, now: number): { readonly surb: number; readonly queued: number } => {
  const overdue = [...state.surbs.entries.values()].map(({ sentAt, etaMs }) => now - sentAt - etaMs);
  const { queuedMaxMs } = state.config.timing;
  const queued = state.egress.map(({ expiresAt }) => now - (expiresAt - queuedMaxMs));
  return { surb: Math.max(0, ...overdue), queued: Math.max(0, ...queued) };
};

export const inFlight: CreateOracle = (view, report) => {
  /** A suspended client wakes late, and a sample may fall between a deadline and its step. */
  const slackMs = 1;
  let [oldestSurb, oldestQueued] = [0, 0];
  return {
    name: "in flight",
    sample: () => {
      for (const [host, state] of clientsOf(view)) {
        const { surb, queued } = agesOf(state, view.hostNow(host));
        oldestSurb = Math.max(oldestSurb, surb);
        oldestQueued = Math.max(oldestQueued, queued);
        if (view.weather.wasHit(host, ["Suspend"], view.now(), view.now())) continue;
        const { replySlackMs, queuedMaxMs } = state.config.timing;
        if (surb > replySlackMs + slackMs) report("safety", `${host} waits ${surb} ms too long for a reply`);
        if (queued > queuedMaxMs + slackMs) report("safety", `${host} keeps a packet for ${queued} ms`);
      }
    },
    finish: () => {
      for (const [host, { requests, egress }] of isCalm(view) ? clientsOf(view) : []) {
        if (requests.size + egress.size > 0) {
          report("liveness", `${host} still has ${requests.size} requests under way`);
        }
      }
    },
    summary: () =>
      `replies waited for at most ${oldestSurb} ms beyond their time, packets queued at most ${oldestQueued} ms`,
  };
};
