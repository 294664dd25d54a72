/**
 * The programs of a plugin: started, ended when they hang, started again after a wait that doubles. The owner is told
 * when the first of them runs and when none does any more, so that the descriptor can follow.
 *
 * @module
 */
import { count, log, type PluginEvent } from "../effects.ts";
import { E } from "../fp.ts";
import { after } from "../machine.ts";
import { decodePluginParameters, responseLengthMax } from "./plugin_messages.ts";
import { type Instance, type Phase, type PluginTurn, report, update } from "./plugin_state.ts";

/** Parameters are published with the descriptor, which has 64 KiB for all services. */
const parametersLengthMax = 4096;

const setInstance = (turn: PluginTurn, index: number, parts: Partial<Instance>): void => {
  const { instances } = turn.state;
  update(turn, { instances: instances.set(index, { ...instances.get(index)!, ...parts }) });
};

export const setPhase = (turn: PluginTurn, index: number, phase: Phase): void => setInstance(turn, index, { phase });

/** The place of the program of this number, or null for one that has been given up. */
export const placeOf = ({ state }: PluginTurn, number: number): number | null => {
  const index = state.instances.findIndex(({ phase }) => phase.type !== "waiting" && phase.number === number);
  return index === -1 ? null : index;
};

export const startInstance = (turn: PluginTurn, index: number): void => {
  const { nextNumber, config: { service, limits, replyLengthMax } } = turn.state;
  const { now } = turn.context;
  update(turn, { nextNumber: nextNumber + 1 });
  setInstance(turn, index, {
    phase: { type: "starting", number: nextNumber, until: after(now, limits.startMs) },
    startedAt: now,
  });
  turn.effects.push({
    type: "PluginStart",
    instance: nextNumber,
    command: service.command,
    args: service.args,
    bodyLengthMax: responseLengthMax(replyLengthMax),
    graceMs: limits.graceMs,
  });
};

/** Ends a program for a reason: it is started again once it has ended. */
export const stopInstance = (turn: PluginTurn, index: number, reason: string, message: string): void => {
  const { phase } = turn.state.instances.get(index)!;
  if (phase.type !== "starting" && phase.type !== "up") return;
  setPhase(turn, index, { type: "stopping", number: phase.number });
  turn.effects.push({ type: "PluginStop", instance: phase.number });
  turn.effects.push(log("WARNING", reason, message, { instance: index }), count("plugin-stops", reason));
  tellOwner(turn);
};

export const onStarted = (
  turn: PluginTurn,
  { instance, parameters: body }: Extract<PluginEvent, { type: "PluginStarted" }>,
): void => {
  const index = placeOf(turn, instance);
  if (index === null || turn.state.instances.get(index)!.phase.type !== "starting") return;
  const parameters = body.length > parametersLengthMax ? E.left("garbage") : decodePluginParameters(body);
  if (E.isLeft(parameters)) {
    return stopInstance(turn, index, "plugin-parameters", "its parameters are no map of texts of at most 4 KiB");
  }
  setPhase(turn, index, { type: "up", number: instance, parameters: parameters.right, requests: 0 });
  turn.effects.push(log("NOTICE", "plugin-up", `instance ${index} is up`, { instance: index }));
  tellOwner(turn);
};

/** Gives back whether it was one of ours. Its requests are the caller's. */
export const onExited = (
  turn: PluginTurn,
  { instance, reason }: Extract<PluginEvent, { type: "PluginExited" }>,
): boolean => {
  const index = placeOf(turn, instance);
  if (index === null) return false;
  const { limits } = turn.state.config;
  const { startedAt, failures: before } = turn.state.instances.get(index)!;
  const failures = turn.context.now - startedAt >= limits.restartMaxMs ? 1 : before + 1;
  const waitMs = restartWaitMs(limits, failures);
  setInstance(turn, index, { phase: { type: "waiting", until: after(turn.context.now, waitMs) }, failures });
  const message = `instance ${index} ended (${reason}); it is started again in ${waitMs} ms`;
  turn.effects.push(log("WARNING", "plugin-exited", message, { instance: index, cause: reason, waitMs }));
  turn.effects.push(count("plugin-exits"));
  tellOwner(turn);
  return true;
};

/** Before the start that follows this many ends in a row, in ms. */
export const restartWaitMs = (
  { restartMs, restartMaxMs }: { readonly restartMs: number; readonly restartMaxMs: number },
  failures: number,
): number => {
  let waitMs = restartMs;
  for (let i = 1; i < failures && waitMs < restartMaxMs; i++) waitMs *= 2;
  return Math.min(waitMs, restartMaxMs);
};

/** Starts whose wait is over; ends those that do not come up. */
export const onInstanceDeadlines = (turn: PluginTurn): void => {
  const { now } = turn.context;
  for (const [index, { phase }] of turn.state.instances.entries()) {
    if (phase.type === "waiting" && phase.until <= now) startInstance(turn, index);
    if (phase.type === "starting" && phase.until <= now) {
      stopInstance(turn, index, "plugin-start-timeout", `instance ${index} does not come up`);
    }
  }
};

/** The parameters of the first instance that runs, or null. */
const parametersNow = ({ state }: PluginTurn): ReadonlyMap<string, string> | null => {
  for (const { phase } of state.instances) if (phase.type === "up") return phase.parameters;
  return null;
};

/** Not before the first program is up or has failed. */
export const tellOwner = (turn: PluginTurn): void => {
  const parameters = parametersNow(turn);
  const told = parameters ?? "down";
  if (told === turn.state.told) return;
  const isSettling = turn.state.told === null &&
    turn.state.instances.some(({ phase, failures }) => phase.type === "starting" && failures === 0);
  if (parameters === null && isSettling) return;
  update(turn, { told });
  report(turn, parameters === null ? { type: "Down" } : { type: "Up", parameters });
};
