/**
 * No reply without a matching SURB: neither clients nor nodes are given replies that they did not make a SURB for,
 * or twice, or that do not decrypt. And the books balance: SURBs made = used + given up + outstanding, at every
 * client and, for the loops of each epoch, at every node, at every sample. No loop of a healthy network is lost.
 *
 * A fault can make a reply come too late or to a process that has been killed since: it is dropped as unknown then.
 *
 * @module
 */
import type { ClientState, SurbEntry } from "../../../core/client/state.ts";
import type { DropReason } from "../../../core/mix/drop_reason.ts";
import type { NodeState } from "../../../core/mix/state.ts";
import { clientsOf, type CreateOracle, isCalm, nodesOf } from "./oracle.ts";

const impossible: ReadonlySet<string> = new Set([
  "client-reply-malformed",
  "decoy-garbled" satisfies DropReason,
]);
/** What a fault may cause. */
const strange: ReadonlySet<string> = new Set([
  "client-surb-unknown",
  "client-surb-duplicate",
  "decoy-unknown" satisfies DropReason,
]);

/** So many sent ones cannot all be under way at the end. */
const loopsMissed = 5;
/** That none of so many is sent has a probability of e^-14. */
const loopsExpected = 14;

export const surbs: CreateOracle = (view, report) => {
  /** Decoys that a client composed and its session did not send: their SURBs are forgotten. */
  const unsent = new Map<string, number>();
  const lost = new Map<string, number>();
  let balances = 0;

  /** How many loops the clients send on average once all is well. */
  const expectedLoops = (): number => {
    const soundMs = view.now() - Math.max(view.settledAt, 2 * view.clock.periodMs);
    return view.network.clients.length * view.parameters.lambdaL * soundMs;
  };

  const isLoop = ({ purpose }: SurbEntry): boolean => purpose.type === "Loop";

  const balanceClient = (host: string, { tally, surbs: { entries } }: ClientState): void => {
    balances++;
    const known = tally.loopsReturned + tally.loopsLost + entries.count(isLoop);
    const missing = tally.loopsSent - known;
    if (missing < 0 || missing > (unsent.get(host) ?? 0)) {
      report("safety", `${host} sent ${tally.loopsSent} loops and knows of ${known}`);
    }
    const before = lost.get(host) ?? 0;
    if (tally.loopsLost > before && isCalm(view)) report("liveness", `${host} lost ${tally.loopsLost - before} loops`);
    lost.set(host, tally.loopsLost);
  };

  /** Every outstanding SURB is of a request that waits for it, and the other way round. */
  const matchRequests = (host: string, { surbs: { entries }, requests }: ClientState): void => {
    for (const [id, { purpose }] of entries) {
      if (purpose.type === "Request" && requests.get(purpose.request)?.surbs.has(id) !== true) {
        report("safety", `${host} keeps a SURB that no request waits for`);
      }
    }
  };

  const balanceNode = (host: string, { decoys: { pending, byEpoch } }: NodeState): void => {
    balances++;
    for (const [epoch, { sent, returned, lost }] of byEpoch) {
      const outstanding = pending.count((loop) => loop.epoch === epoch);
      if (sent !== returned + lost + outstanding) {
        report("safety", `${host} sent ${sent} loops in epoch ${epoch} and knows of ${returned + lost + outstanding}`);
      }
    }
  };

  return {
    name: "surbs",
    observer: {
      crashed: (_at, host) => {
        unsent.delete(host);
        lost.delete(host);
      },
      effects: ["Count", "Drop"],
      emission: (_at, host, { effect }) => {
        if (effect.type === "Count" && effect.name === "client-decoy-unsent") {
          unsent.set(host, (unsent.get(host) ?? 0) + 1);
        }
        if (effect.type !== "Drop") return;
        if (impossible.has(effect.reason) || (strange.has(effect.reason) && isCalm(view))) {
          report("safety", `${host} is given a reply: ${effect.reason}`);
        }
      },
    },
    sample: () => {
      for (const [host, state] of clientsOf(view)) {
        balanceClient(host, state);
        matchRequests(host, state);
      }
      for (const [host, state] of nodesOf(view)) balanceNode(host, state);
    },
    finish: () => {
      const tallies = clientsOf(view).map(([, { tally }]) => tally);
      const [sent, returned] = (["loopsSent", "loopsReturned"] as const).map((key) =>
        tallies.reduce((sum, tally) => sum + tally[key], 0)
      );
      if (returned === 0 && (sent! >= loopsMissed || expectedLoops() >= loopsExpected)) {
        report("liveness", `no loop of a client returned, of ${sent}`);
      }
    },
    summary: () => {
      const clients = clientsOf(view);
      const sum = (key: "loopsSent" | "loopsReturned" | "loopsLost" | "dropsSent"): number =>
        clients.reduce((total, [, { tally }]) => total + tally[key], 0);
      return `${balances} balances; clients sent ${sum("loopsSent")} loops, of which ${
        sum("loopsReturned")
      } returned ` +
        `and ${sum("loopsLost")} were lost, and ${sum("dropsSent")} drops`;
    },
  };
};
