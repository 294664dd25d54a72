/**
 * Requests on their way through a plugin: in a bounded queue until an instance is free, then with it until its answer
 * or their deadline. Each ends in one report to the owner.
 *
 * An instance that lets a deadline pass is ended, since nothing tells one that hangs from one that is slow. What a
 * plugin answers, however wrong, ends no instance: whoever can send it requests could end it at will.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import type { PluginEvent, PluginFailure } from "../effects.ts";
import { E } from "../fp.ts";
import { after } from "../machine.ts";
import { placeOf, setPhase, stopInstance } from "./plugin_instances.ts";
import { decodePluginResponse, encodePluginRequest } from "./plugin_messages.ts";
import { type PluginTurn, report, type Serve, type Unanswered, update } from "./plugin_state.ts";

const refuse = (turn: PluginTurn, id: number, reason: Unanswered): void =>
  report(turn, { type: "Unanswered", id, reason });

export const onServe = (turn: PluginTurn, request: Serve): void => {
  const { instances, queue, config: { limits } } = turn.state;
  if (!instances.some(({ phase }) => phase.type === "up")) return refuse(turn, request.id, "plugin-down");
  if (queue.size >= limits.queueLength) return refuse(turn, request.id, "plugin-busy");
  update(turn, { queue: queue.push(request) });
};

/** Hands requests over to instances that are free, the least busy first. */
export const dispatch = (turn: PluginTurn): void => {
  for (let request = turn.state.queue.first(); request !== undefined; request = turn.state.queue.first()) {
    const index = freeInstance(turn);
    if (index === null) return;
    update(turn, { queue: turn.state.queue.shift() });
    give(turn, index, request);
  }
};

const freeInstance = ({ state: { instances, config: { limits } } }: PluginTurn): number | null => {
  let [found, least]: [number | null, number] = [null, limits.requestsAtOnce];
  for (const [index, { phase }] of instances.entries()) {
    if (phase.type === "up" && phase.requests < least) [found, least] = [index, phase.requests];
  }
  return found;
};

const give = (turn: PluginTurn, index: number, request: Serve): void => {
  const { id, payload, hasSurb } = request;
  const { phase } = turn.state.instances.get(index)!;
  if (phase.type !== "up") return;
  setPhase(turn, index, { ...phase, requests: phase.requests + 1 });
  const until = after(turn.context.now, turn.state.config.limits.requestMs);
  update(turn, { given: turn.state.given.set(id, { number: phase.number, until, request }) });
  const body = encodePluginRequest({ id, payload, hasSurb });
  turn.effects.push({ type: "PluginRequest", instance: phase.number, id, body });
};

/** Takes a request back from its instance; false for one that has ended already. */
const takeBack = (turn: PluginTurn, number: number, id: number): boolean => {
  if (turn.state.given.get(id)?.number !== number) return false;
  update(turn, { given: turn.state.given.delete(id) });
  const index = placeOf(turn, number);
  const phase = index === null ? null : turn.state.instances.get(index)!.phase;
  if (index !== null && phase?.type === "up") setPhase(turn, index, { ...phase, requests: phase.requests - 1 });
  return true;
};

export const onReplied = (
  turn: PluginTurn,
  { instance, id, body }: Extract<PluginEvent, { type: "PluginReplied" }>,
): void => {
  if (!takeBack(turn, instance, id)) return;
  const data = decodePluginResponse(body);
  if (E.isLeft(data)) return refuse(turn, id, "plugin-garbage");
  if (data.right.length > turn.state.config.replyLengthMax) return refuse(turn, id, "plugin-oversized");
  report(turn, { type: "Answered", id, data: data.right });
};

const reasons: Readonly<Record<Exclude<PluginFailure, "unreachable">, Unanswered>> = {
  status: "plugin-failed",
  broken: "plugin-failed",
  "too-long": "plugin-oversized",
};

export const onFailed = (
  turn: PluginTurn,
  { instance, id, reason }: Extract<PluginEvent, { type: "PluginFailed" }>,
): void => {
  const given = turn.state.given.get(id);
  if (!takeBack(turn, instance, id)) return;
  if (reason !== "unreachable") return refuse(turn, id, reasons[reason]);
  // Nobody listens there any more: the request has not been received, and another instance may serve it in time.
  update(turn, { queue: turn.state.queue.unshift(given!.request) });
  const index = placeOf(turn, instance);
  if (index !== null) stopInstance(turn, index, "plugin-unreachable", `instance ${index} does not listen any more`);
};

/** A program has ended: its requests end with it, and where none is left, those that wait. */
export const abandon = (turn: PluginTurn, number: number): void => {
  for (const id of turn.state.given.filter((given) => given.number === number).keys()) {
    if (takeBack(turn, number, id)) refuse(turn, id, "plugin-failed");
  }
};

/** Where no instance is left, nobody waits for one: it would not be there in time. */
export const abandonQueue = (turn: PluginTurn): void => {
  if (turn.state.instances.some(({ phase }) => phase.type === "up")) return;
  for (const { id } of turn.state.queue) refuse(turn, id, "plugin-down");
  update(turn, { queue: List() });
};

export const onRequestDeadlines = (turn: PluginTurn): void => {
  const { now } = turn.context;
  for (const [id, { number, until }] of turn.state.given) {
    if (until > now) continue;
    takeBack(turn, number, id);
    refuse(turn, id, "plugin-timeout");
    const index = placeOf(turn, number);
    if (index !== null) stopInstance(turn, index, "plugin-timeout", `instance ${index} does not answer`);
  }
  const late = turn.state.queue.takeWhile(({ notAfter }) => notAfter <= now);
  for (const { id } of late) refuse(turn, id, "kaetzchen-late");
  update(turn, { queue: turn.state.queue.skip(late.size) });
};
