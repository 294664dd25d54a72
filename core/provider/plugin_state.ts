/**
 * The state of a plugin's machine, what it is told and tells, and the one place that derives its next deadline.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { PersistentMap } from "../collections/map.ts";
import type { Effect, PluginEvent } from "../effects.ts";
import { type Context, earliest, type Mono } from "../machine.ts";
import type { PluginConfig } from "./plugin_config.ts";

/** A request of a client. Answered by exactly one Answered or Unanswered. */
export interface Serve {
  readonly type: "Serve";
  /** The owner's number of it. */
  readonly id: number;
  readonly payload: Uint8Array;
  readonly hasSurb: boolean;
  /** It is handed over before this, or not at all (Go's KaetzchenDelay). */
  readonly notAfter: Mono;
}

/** Why a request has no answer. */
export const unansweredReasons = [
  /** No instance runs. */
  "plugin-down",
  /** Too many requests wait. */
  "plugin-busy",
  /** It waited longer than `notAfter` for an instance. */
  "kaetzchen-late",
  /** No answer within `requestMs`. */
  "plugin-timeout",
  /** The instance ended, broke the connection or answered with an HTTP error: it may have seen the request. */
  "plugin-failed",
  "plugin-garbage",
  "plugin-oversized",
] as const;

export type Unanswered = typeof unansweredReasons[number];

/** What a plugin's machine tells its owner. */
export interface PluginReport {
  readonly type: "Plugin";
  readonly capability: string;
  readonly report:
    /** At least one instance runs; the parameters of the first of those. */
    | { readonly type: "Up"; readonly parameters: ReadonlyMap<string, string> }
    /** None runs. */
    | { readonly type: "Down" }
    /** Empty data: there is no reply. */
    | { readonly type: "Answered"; readonly id: number; readonly data: Uint8Array }
    | { readonly type: "Unanswered"; readonly id: number; readonly reason: Unanswered };
}

export type PluginMachineEvent = Serve | PluginEvent;

/** One of the programs. `number` is that of the effects: each start has a new one. */
export type Phase =
  | { readonly type: "starting"; readonly number: number; readonly until: Mono }
  | {
    readonly type: "up";
    readonly number: number;
    readonly parameters: ReadonlyMap<string, string>;
    /** Requests that it has been given. */
    readonly requests: number;
  }
  /** It has been told to end. */
  | { readonly type: "stopping"; readonly number: number }
  | { readonly type: "waiting"; readonly until: Mono };

export interface Instance {
  readonly phase: Phase;
  /** When it was started last. */
  readonly startedAt: Mono;
  /** Ends in a row without a long life. */
  readonly failures: number;
}

/** A request that an instance has been given. */
export interface Given {
  readonly number: number;
  readonly until: Mono;
  readonly request: Serve;
}

export interface PluginState {
  readonly config: PluginConfig;
  readonly nextNumber: number;
  /** `service.instances` of them, in order. */
  readonly instances: List<Instance>;
  /** In the order of arrival, and so of `notAfter`. */
  readonly queue: List<Serve>;
  /** By the owner's number. */
  readonly given: PersistentMap<number, Given>;
  /** What the owner was told last; null before the first time. */
  readonly told: ReadonlyMap<string, string> | "down" | null;
}

const phaseDeadline = ({ phase }: Instance): Mono | null =>
  phase.type === "starting" || phase.type === "waiting" ? phase.until : null;

export const wakeAt = ({ instances, queue, given }: PluginState): Mono | null =>
  earliest(
    queue.first()?.notAfter ?? null,
    ...instances.map(phaseDeadline),
    ...[...given.values()].map(({ until }) => until),
  );

/** What one step gathers. */
export interface PluginTurn {
  readonly context: Context;
  state: PluginState;
  readonly effects: Effect[];
}

export const update = (turn: PluginTurn, parts: Partial<PluginState>): void => {
  turn.state = { ...turn.state, ...parts };
};

export const report = ({ state: { config }, effects }: PluginTurn, what: PluginReport["report"]): void => {
  const event: PluginReport = { type: "Plugin", capability: config.service.capability, report: what };
  effects.push({ type: "Tell", to: config.owner, event });
};
