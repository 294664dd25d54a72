/**
 * Every request that a client accepted ends in exactly one outcome, in a healthy network in the good one; a message
 * is received once, by whom it was for, as it was sent; and no outcome comes before all packets of its request were
 * sent.
 *
 * Under faults a request may fail, but not without a word; what was acknowledged is received all the same. With a
 * client that is killed its requests are forgotten, and what it remembers against duplicates is.
 *
 * @module
 */
import { fromUtf8 } from "../../../core/bytes.ts";
import type { ClientNotice } from "../../../core/client/events.ts";
import type { CreateOracle } from "./oracle.ts";

interface Request {
  readonly client: string;
  /** Faults excuse what becomes of it. */
  readonly isExcused: boolean;
  readonly sent: Set<number>;
  of: number | null;
  outcome: string | null;
}

/** The text of a scenario's message: who sends it to whom in which request. */
export const messageText = (from: string, to: string, id: string): string => `${from} to ${to} in ${id}`;

const textPattern = /^(\S+) to (\S+) in (\S+)$/;

export const requests: CreateOracle = ({ network, now, settledAt }, report) => {
  const open = new Map<string, Request>();
  /** Messages received, and those that their receiver remembers. */
  const received = new Set<string>();
  const remembered = new Map<string, Set<string>>();
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
    if (!isGood && !request.isExcused) report("liveness", `request ${id} of ${client} ends in ${outcome}`);
    request.outcome = outcome;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };

  const receive = (client: string, payload: Uint8Array): void => {
    const [, from, to, id] = textPattern.exec(fromUtf8(payload) ?? "") ?? [];
    if (to !== client || !open.has(`${from} ${id}`)) {
      return report("safety", `${client} receives a message that nobody sent to it`);
    }
    const known = remembered.get(client) ?? new Set();
    if (known.has(`${from} ${id}`)) report("safety", `${client} receives message ${id} of ${from} again`);
    remembered.set(client, known.add(`${from} ${id}`));
    received.add(`${from} ${id}`);
  };

  const forget = (client: string): void => {
    remembered.delete(client);
    for (const request of open.values()) if (request.client === client) request.outcome ??= "killed";
  };

  const onNotice = (client: string, notice: ClientNotice): void => {
    switch (notice.type) {
      case "Accepted":
        if (open.has(`${client} ${notice.id}`)) report("safety", `request ${notice.id} of ${client} is accepted twice`);
        open.set(`${client} ${notice.id}`, {
          client,
          isExcused: now() < settledAt,
          sent: new Set(),
          of: null,
          outcome: null,
        });
        return;
      case "Sent": {
        const request = of(client, notice.id, "Sent");
        request?.sent.add(notice.packet);
        if (request !== null) request.of = notice.of;
        return;
      }
      case "Refused":
        if (now() >= settledAt) report("liveness", `request ${notice.id} of ${client} is refused: ${notice.reason}`);
        return;
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
      crashed: (_at, host) => forget(host),
      effects: ["Notify"],
      emission: (_at, host, { effect }) => {
        if (effect.type === "Notify" && clients.has(host)) onNotice(host, effect.event as ClientNotice);
      },
    },
    finish: () => {
      if (![...open.values()].some(({ isExcused }) => !isExcused)) report("liveness", "no request was accepted");
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
