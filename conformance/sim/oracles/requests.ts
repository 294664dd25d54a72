/**
 * Every request that a client accepted ends in exactly one outcome, in a healthy network in the good one; a message is
 * received once, by whom it was for, as it was sent; and no outcome comes before all packets of its request were sent.
 *
 * @module
 */
import { fromUtf8 } from "../../../core/bytes.ts";
import type { ClientNotice } from "../../../core/client/events.ts";
import type { CreateOracle } from "./oracle.ts";

interface Request {
  readonly client: string;
  readonly sent: Set<number>;
  of: number | null;
  outcome: string | null;
}

/** The text of a scenario's message: who sends it to whom in which request. */
export const messageText = (from: string, to: string, id: string): string => `${from} to ${to} in ${id}`;

const textPattern = /^(\S+) to (\S+) in (\S+)$/;

export const requests: CreateOracle = ({ network }, report) => {
  const open = new Map<string, Request>();
  const received = new Map<string, number>();
  const outcomes = new Map<string, number>();
  const clients = new Set(network.clients.map(({ name }) => name));

  const of = (client: string, id: string, notice: string): Request | null => {
    const found = open.get(`${client} ${id}`);
    if (found === undefined) report("safety", `${client} tells ${notice} of request ${id}, which was not accepted`);
    return found ?? null;
  };

  const end = (client: string, id: string, outcome: string, isGood: boolean): void => {
    const request = of(client, id, outcome);
    if (request === null) return;
    if (request.outcome !== null) {
      report("safety", `request ${id} of ${client} ends in ${outcome} after ${request.outcome}`);
    }
    if (isGood && request.sent.size !== request.of) {
      report("safety", `request ${id} of ${client} is answered before it was sent`);
    }
    if (!isGood) report("liveness", `request ${id} of ${client} ends in ${outcome}`);
    request.outcome = outcome;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };

  const receive = (client: string, payload: Uint8Array): void => {
    const [, from, to, id] = textPattern.exec(fromUtf8(payload) ?? "") ?? [];
    if (to !== client || !open.has(`${from} ${id}`)) {
      return report("safety", `${client} receives a message that nobody sent to it`);
    }
    const times = (received.get(`${from} ${id}`) ?? 0) + 1;
    received.set(`${from} ${id}`, times);
    if (times > 1) report("safety", `${client} receives message ${id} of ${from} ${times} times`);
  };

  const onNotice = (client: string, notice: ClientNotice): void => {
    switch (notice.type) {
      case "Accepted":
        if (open.has(`${client} ${notice.id}`)) report("safety", `request ${notice.id} of ${client} is accepted twice`);
        open.set(`${client} ${notice.id}`, { client, sent: new Set(), of: null, outcome: null });
        return;
      case "Sent": {
        const request = of(client, notice.id, "Sent");
        request?.sent.add(notice.packet);
        if (request !== null) request.of = notice.of;
        return;
      }
      case "Refused":
        return report("liveness", `request ${notice.id} of ${client} is refused: ${notice.reason}`);
      case "Reply":
      case "Delivered":
        return end(client, notice.id, notice.type, true);
      case "Timeout":
        return end(client, notice.id, "Timeout", false);
      case "Failed":
        return end(client, notice.id, `Failed (${notice.reason})`, false);
      case "Message":
        return receive(client, notice.payload);
      default:
        return;
    }
  };

  return {
    name: "requests",
    observer: {
      emission: (_at, host, { effect }) => {
        if (effect.type === "Notify" && clients.has(host)) onNotice(host, effect.event as ClientNotice);
      },
    },
    finish: () => {
      if (open.size === 0) report("liveness", "no request was accepted");
      for (const [name, { outcome }] of open) {
        if (outcome === null) report("liveness", `request ${name} has no outcome`);
        if (outcome === "Delivered" && !received.has(name)) {
          report("liveness", `message ${name} was delivered and not received`);
        }
      }
    },
    summary: () => {
      const counts = [...outcomes].sort().map(([outcome, count]) => `${outcome} ${count}`).join(", ");
      return `${open.size} requests: ${counts}; ${received.size} messages received`;
    },
  };
};
