/**
 * A mix or a Provider: the machine at the address `node` (specs/mixnet.rst §4, specs/end_to_end.rst §3, §4; wire-facts
 * §2.7, §5.7, §6). It owns the sessions of its connections and the directory machine, and is told by the listener, the
 * store and the unwrapper.
 *
 * Each concern is a module: links.ts and connections.ts (who is connected), reception.ts → forward.ts or terminal.ts (a
 * packet's way), schedule.ts (keys, documents, descriptors), decoy.ts (loops). This file only says which event goes
 * where.
 *
 * @module
 */
import type { Effect, Incoming, StoreEvent, Unwrapped } from "../effects.ts";
import { log } from "../effects.ts";
import { absurd, after, type Machine, type Tick } from "../machine.ts";
import type { DirectoryConfig, DirectoryReport } from "../pki/directory.ts";
import type { Manage } from "../management/request.ts";
import { register } from "../provider/accounts.ts";
import { committed, scanned } from "../provider/provider.ts";
import type { PluginReport } from "../provider/plugin_state.ts";
import type { Register } from "../provider/registration.ts";
import type { SessionReport } from "../wire/session.ts";
import type { NodeConfig } from "./config.ts";
import { onConnectionReport, onIncoming, reauthenticateDue } from "./connections.ts";
import { sendLoopDue, startDecoys } from "./decoy.ts";
import { dispatchDue } from "./forward.ts";
import { dialDue, onLinkReport } from "./links.ts";
import { onManage, onReconfigure, onStatus, type Reconfigure } from "./manage.ts";
import { newState } from "./new_state.ts";
import type { Status } from "./node_view.ts";
import { onPluginReport, startPlugins } from "./plugins.ts";
import { onReplayTested, onUnwrapped } from "./reception.ts";
import { onKept, onNotKept } from "./publication.ts";
import { onRestored, onRestoreFailed, scanNext } from "./restore.ts";
import { onDirectory, publishDue, runSchedule, runScheduleDue } from "./schedule.ts";
import type { NodeState } from "./state.ts";
import { settleAnswer, settleProvider } from "./terminal.ts";
import { beginTurn, type Bound, emit, endTurn, type Turn, update } from "./turn.ts";

export type NodeEvent =
  | Incoming
  | SessionReport
  | DirectoryReport
  | Unwrapped
  | StoreEvent
  | PluginReport
  | Register
  | Manage
  | Status
  | Reconfigure;

/** The node, over a crypto suite and a geometry. */
export const createNode = (bound: Bound): Machine<NodeConfig, NodeState, NodeEvent, Effect> => ({
  start: (context, config) => {
    const turn = beginTurn(bound, context, newState(bound.suite, config));
    startDecoys(turn);
    emit(turn, { type: "Spawn", at: "directory", kind: "directory", config: directoryOf(config) });
    startPlugins(turn);
    scanNext(turn);
    return endTurn(turn);
  },
  step: (context, state, event) => {
    const turn = beginTurn(bound, context, state);
    handle(turn, event);
    return endTurn(turn);
  },
});

const directoryOf = ({ authorities, identityPrivate, clock }: NodeConfig): DirectoryConfig => ({
  self: "directory",
  owner: "node",
  authorities,
  credentials: { identityPrivate },
  clock,
});

const handle = (turn: Turn, event: NodeEvent | Tick): void => {
  switch (event.type) {
    case "Tick":
      return onTick(turn);
    case "Incoming":
      return onIncoming(turn, event);
    case "Session":
      return onSession(turn, event);
    case "Directory":
      return onDirectory(turn, event.report);
    case "Unwrapped":
      return onUnwrapped(turn, event);
    case "ReplayTested":
      return onReplayTested(turn, event);
    case "Committed":
      return onCommitted(turn, event.id, null);
    case "CommitFailed":
      return onCommitted(turn, event.id, event.reason);
    case "Scanned":
      return onScanned(turn, event);
    case "ScanFailed":
      return onScanFailed(turn, event);
    case "Plugin":
      return onPlugin(turn, event);
    case "Register":
      return onRegister(turn, event);
    case "Manage":
      return onManage(turn, event);
    case "Status":
      return onStatus(turn, event);
    case "Reconfigure":
      return onReconfigure(turn, event);
    default:
      return absurd(event);
  }
};

/** Each of these looks at its own deadline. */
const onTick = (turn: Turn): void => {
  runScheduleDue(turn);
  dispatchDue(turn);
  sendLoopDue(turn);
  dialDue(turn);
  reauthenticateDue(turn);
};

const onSession = (turn: Turn, { session, report }: SessionReport): void => {
  if (turn.state.links.bySession.has(session)) onLinkReport(turn, session, report);
  else onConnectionReport(turn, session, report);
};

const onPlugin = (turn: Turn, event: PluginReport): void => {
  const outcome = onPluginReport(turn, event);
  if (outcome.type === "Answered") settleAnswer(turn, outcome.asked, outcome.data);
  if (outcome.type === "Settled" && turn.state.epoch !== null) publishDue(turn);
};

const onCommitted = (
  turn: Turn,
  id: number,
  failure: Extract<StoreEvent, { type: "CommitFailed" }>["reason"] | null,
): void => {
  const { provider } = turn.state;
  if (provider?.pending.has(id) === true) return settleProvider(turn, committed(provider, id, failure));
  if (failure === null) return onKept(turn, id);
  onNotKept(turn);
  emit(turn, log("ERROR", "store-failed", `keys or descriptors could not be kept or deleted: ${failure}`, { failure }));
};

const onScanned = (turn: Turn, { id, entries }: Extract<StoreEvent, { type: "Scanned" }>): void => {
  const { restoring, provider } = turn.state;
  if (restoring?.scan === id) {
    if (onRestored(turn, entries)) begin(turn);
  } else if (provider !== null) settleProvider(turn, scanned(provider, turn.bound.geometry, id, entries));
};

const onScanFailed = (turn: Turn, { id, reason }: Extract<StoreEvent, { type: "ScanFailed" }>): void => {
  const { restoring, provider } = turn.state;
  if (restoring?.scan === id) onRestoreFailed(turn, reason);
  else if (provider !== null) settleProvider(turn, scanned(provider, turn.bound.geometry, id, null));
};

/** Everything has been read back. */
const begin = (turn: Turn): void => {
  const { config, deadlines } = turn.state;
  update(turn, { deadlines: { ...deadlines, reauth: after(turn.context.now, config.limits.reauthIntervalMs) } });
  runSchedule(turn);
  const role = config.isProvider ? "Provider" : "mix";
  emit(
    turn,
    log("NOTICE", "ready", `${role} ${config.name} is ready`, {
      name: config.name,
      role,
      peer: turn.state.identity.id,
    }),
  );
};

const onRegister = (turn: Turn, request: Register): void => {
  const { provider, restoring, nextId } = turn.state;
  if (provider === null || restoring !== null) {
    const outcome = provider === null ? "disabled" : "store-failed";
    return emit(turn, { type: "Notify", event: { type: "Registered", id: request.id, outcome } });
  }
  update(turn, { nextId: nextId + 1 });
  settleProvider(turn, register(provider, nextId, request));
};
