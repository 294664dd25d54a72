/**
 * A service that other programs offer (wire-facts §8.2): the machine at `plugin/CAPABILITY`, which runs `instances` of
 * one program and hands requests over to them. Each plugin is a machine of its own, so that what one does touches no
 * other.
 *
 * Departures from the Go server of 2020: programs that end are started again; requests, starts and queues have bounds;
 * what a plugin sends is not believed.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import type { Effect } from "../effects.ts";
import { absurd, type Machine, type Step, type Tick } from "../machine.ts";
import type { PluginConfig } from "./plugin_config.ts";
import { onExited, onInstanceDeadlines, onStarted, startInstance } from "./plugin_instances.ts";
import {
  abandon,
  abandonQueue,
  dispatch,
  onFailed,
  onReplied,
  onRequestDeadlines,
  onServe,
} from "./plugin_requests.ts";
import { type Instance, type PluginMachineEvent, type PluginState, type PluginTurn, wakeAt } from "./plugin_state.ts";

export const createPlugin = (): Machine<PluginConfig, PluginState, PluginMachineEvent, Effect> => ({
  start: (context, config) => {
    const instance: Instance = {
      phase: { type: "waiting", until: context.now },
      startedAt: context.now,
      failures: 0,
    };
    const turn: PluginTurn = {
      context,
      state: {
        config,
        nextNumber: 1,
        instances: List(Array.from({ length: config.service.instances }, () => instance)),
        queue: List(),
        given: PersistentMap(),
        told: null,
      },
      effects: [],
    };
    for (let index = 0; index < config.service.instances; index++) startInstance(turn, index);
    return end(turn);
  },
  step: (context, state, event) => {
    const turn: PluginTurn = { context, state, effects: [] };
    handle(turn, event);
    abandonQueue(turn);
    dispatch(turn);
    return end(turn);
  },
});

const end = ({ state, effects }: PluginTurn): Step<PluginState, Effect> => ({ state, effects, wakeAt: wakeAt(state) });

const handle = (turn: PluginTurn, event: PluginMachineEvent | Tick): void => {
  switch (event.type) {
    case "Tick":
      onRequestDeadlines(turn);
      return onInstanceDeadlines(turn);
    case "Serve":
      return onServe(turn, event);
    case "PluginStarted":
      return onStarted(turn, event);
    case "PluginReplied":
      return onReplied(turn, event);
    case "PluginFailed":
      return onFailed(turn, event);
    case "PluginExited":
      if (onExited(turn, event)) abandon(turn, event.instance);
      return;
    default:
      return absurd(event);
  }
};
