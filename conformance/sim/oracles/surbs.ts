/**
 * No reply without a matching SURB: neither clients nor nodes are given replies that they did not make a SURB for, or
 * twice, or that do not decrypt; and no loop of a healthy network is lost.
 *
 * @module
 */
import type { ClientNotice, ClientStatus } from "../../../core/client/events.ts";
import type { DropReason } from "../../../core/mix/drop_reason.ts";
import type { CreateOracle } from "./oracle.ts";

const replyDrops: ReadonlySet<string> = new Set([
  "client-surb-unknown",
  "client-surb-duplicate",
  "client-reply-malformed",
  "decoy-unknown" satisfies DropReason,
  "decoy-garbled" satisfies DropReason,
]);

export const surbs: CreateOracle = ({ network }, report) => {
  const statuses = new Map<string, ClientStatus>();

  const onStatus = (client: string, status: ClientStatus): void => {
    const before = statuses.get(client)?.loopsLost ?? 0;
    if (status.loopsLost > before) report("liveness", `${client} lost ${status.loopsLost - before} loops`);
    const returned = status.loopsReturned + status.loopsLost + status.outstandingSurbs;
    if (status.loopsSent > returned) {
      report("safety", `${client} sent ${status.loopsSent} loops and knows of ${returned}`);
    }
    statuses.set(client, status);
  };

  const clients = new Set(network.clients.map(({ name }) => name));

  return {
    name: "surbs",
    observer: {
      emission: (_at, host, { effect }) => {
        if (effect.type === "Drop" && replyDrops.has(effect.reason)) {
          report("safety", `${host} is given a reply: ${effect.reason}`);
        }
        if (effect.type !== "Notify" || !clients.has(host)) return;
        const notice = effect.event as ClientNotice;
        if (notice.type === "Status") onStatus(host, notice.status);
      },
    },
    finish: () => {
      for (const name of clients) {
        if (!statuses.has(name)) report("liveness", `${name} does not say how its loops fare`);
      }
      const returned = [...statuses.values()].reduce((sum, { loopsReturned }) => sum + loopsReturned, 0);
      if (returned === 0) report("liveness", "no loop of a client returned");
    },
    summary: () => {
      const sum = (key: "loopsSent" | "loopsReturned" | "dropsSent"): number =>
        [...statuses.values()].reduce((total, status) => total + status[key], 0);
      return `clients sent ${sum("loopsSent")} loops, of which ${sum("loopsReturned")} returned, and ${
        sum("dropsSent")
      } drops`;
    },
  };
};
