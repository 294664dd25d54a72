/**
 * The shell: the only driver of a system (core/system.ts) in a process. It feeds the system one input at a time,
 * replaces the state, performs the leaf effects, and feeds their results back as inputs.
 *
 * Never re-entrant: whatever performs an effect, or is told a notice, can only queue further inputs (turns.ts). The
 * queue is bounded: where it is long, no connection is read, and `tell` refuses.
 *
 * Secrets that a step consumed are wiped once the new state has replaced the old one, its seed as soon as the step is
 * done.
 *
 * @module
 */
import { wipe } from "../core/bytes.ts";
import type { Incoming, LeafEffect, Spawn } from "../core/effects.ts";
import { absurd, type Context, type Mono, type Step } from "../core/machine.ts";
import type { Sphinx } from "../core/sphinx/build.ts";
import type { Address, Emission, Input, System, SystemState } from "../core/system.ts";
import { type Clock, createClock } from "./clock.ts";
import { fillRandom } from "./entropy.ts";
import { exitCode } from "./exit.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { createPluginHost } from "./plugin_host.ts";
import type { Store } from "./store.ts";
import { createTcp, type Listener } from "./tcp.ts";
import { defaultTcpLimits, type TcpLimits } from "./tcp_door.ts";
import { createTurns } from "./turns.ts";
import { inlineUnwrapper, measuredUnwrapper, type Unwrapper } from "./unwrapper.ts";
import { inlineVerifier, type Verifier } from "./verifier.ts";

export interface ShellOptions {
  readonly system: System;
  /** The machines that the process starts with, in order. */
  readonly boot: ReadonlyArray<Spawn>;
  readonly sphinx: Sphinx;
  /** Default: in this thread. The shell closes it. */
  readonly unwrapper?: Unwrapper;
  /** Default: in this thread. */
  readonly verifier?: Verifier;
  readonly store: Store;
  readonly listeners: ReadonlyArray<Listener>;
  /** What connections may take of the process; `defaultTcpLimits` unless given. */
  readonly limits?: TcpLimits;
  /** Takes the event of a Notify effect; `from` is the machine's address. */
  readonly onNotify: (event: unknown, from: Address) => void;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Ends the process; the shell has stopped by then. */
  readonly exit?: (code: number) => void;
  readonly clock?: Clock;
}

export interface Shell {
  /** Addresses listened at, in the order of the listeners: ports that were 0 are known now. */
  readonly listening: ReadonlyArray<string>;
  /** Queues an event for a machine. False, and nothing done, where the shell has stopped or is too far behind. */
  readonly tell: (to: Address, event: unknown) => boolean;
  /** Takes no more inputs, closes listeners and connections (after what was written) and the store. */
  readonly stop: () => Promise<void>;
}

/** Inputs that may wait before connections are no longer read, and when they are read again. */
const queueHighMark = 1024;
const queueLowMark = 256;
/** Inputs that may wait before `tell` refuses. */
const queueLengthMax = 16_384;
/**
 * The longest timer, in ms: platforms cannot wait longer than 2^31-1, and a suspended machine's timers do not run, so
 * that the clock has to be looked at now and then.
 */
const timerMaxMs = 30_000;

interface Waiting {
  /** Null for a deadline. */
  readonly input: Input | null;
  /** False when its turn comes: the input has become void. */
  readonly claim?: () => boolean;
}

const deadline: Waiting = { input: null };

/** Starts the system, then the listeners. Rejects with a CommandError where one of them cannot listen. */
export const startShell = async (options: ShellOptions): Promise<Shell> => {
  const { system, sphinx, store, log, metrics } = options;
  const clock = options.clock ?? createClock();
  const unwrapper = measuredUnwrapper(options.unwrapper ?? inlineUnwrapper(sphinx), metrics);
  const verifier = options.verifier ?? inlineVerifier(sphinx.suite);
  let state: SystemState | null = null;
  let wakeAt: Mono | null = null;
  let timer: { readonly at: Mono; readonly handle: ReturnType<typeof setTimeout> } | null = null;
  let stopped = false;

  const turns = createTurns<Waiting>({
    handle: (waiting) => handle(waiting),
    onBehind: (behind) => tcp.hold(behind),
    highMark: queueHighMark,
    lowMark: queueLowMark,
    onIdle: () => armTimer(),
    onTurn: (waitedMs, lastedMs) => {
      metrics.observe("turn-wait-seconds", waitedMs / 1000);
      metrics.observe("turn-seconds", lastedMs / 1000);
    },
  });

  const tcp = createTcp({
    report: (to, event, claim) => turns.push({ input: { to, event }, claim }),
    limits: options.limits ?? defaultTcpLimits,
    onOverload: (reason) => metrics.add("connections-refused", reason),
  });

  const plugins = createPluginHost({
    report: (to, event) => turns.push({ input: { to, event } }),
    log,
  });

  const halt = (): void => {
    stopped = true;
    turns.stop();
    clearTimer();
  };

  const end = (code: number): void => {
    halt();
    (options.exit ?? ((status: number) => process.exit(status)))(code);
  };

  const crash = (error: unknown): void => {
    const message = `broken invariant: ${error instanceof Error ? error.stack ?? error.message : String(error)}`;
    log.write({ module: "shell", level: "CRITICAL", reason: "invariant", message });
    end(exitCode.software);
  };

  /* Steps */

  const stepWith = (run: (context: Context) => Step<SystemState, Emission>): ReadonlyArray<Emission> => {
    const seed = new Uint8Array(32);
    fillRandom(seed);
    const step = run({ now: clock.now(), wall: clock.wall(), seed });
    state = step.state;
    wakeAt = step.wakeAt;
    wipe(seed);
    for (const secret of step.consumed ?? []) {
      sphinx.suite.forget(secret);
      unwrapper.forget(secret);
      wipe(secret);
    }
    return step.effects;
  };

  const handle = ({ input, claim }: Waiting): void => {
    if (claim !== undefined && !claim()) return;
    try {
      const before = state!;
      const began = performance.now();
      for (const emission of stepWith((context) => system.step(context, before, input))) perform(emission);
      if (input !== null) settle(input);
      metrics.observe("step-seconds", (performance.now() - began) / 1000);
    } catch (error) {
      crash(error);
    }
  };

  /**
   * Whoever has no machine has no connection. An owner has spawned the machine of an Incoming in the same step, or
   * never will.
   */
  const settle = ({ to, event }: Input): void => {
    const { machines } = state!;
    if (!machines.has(to)) tcp.destroy(to);
    if (!isIncoming(event)) return;
    metrics.add("connections-accepted");
    if (machines.has(event.connection)) tcp.resume(event.connection);
    else tcp.destroy(event.connection);
  };

  /* Effects */

  const answerTo = (to: Address) => (event: unknown): void => turns.push({ input: { to, event } });

  const perform = ({ from, effect }: Emission): void => {
    if (stopped) return;
    switch (effect.type) {
      case "Dial":
        return tcp.dial(from, effect);
      case "Write":
        return tcp.write(from, effect.pieces);
      case "Hangup":
        return tcp.hangup(from);
      case "Pause":
        return tcp.pause(from);
      case "Resume":
        return tcp.resume(from);
      case "Refuse":
        return tcp.destroy(effect.connection);
      case "Commit":
      case "Scan":
      case "DropTable":
      case "TestAndSetReplay":
        return store.perform(effect, answerTo(from));
      case "Unwrap":
        return unwrapper.perform(effect, answerTo(from));
      case "Release":
        return unwrapper.release(effect.packet);
      case "Verify":
        return verifier(effect, answerTo(from));
      case "PluginStart":
      case "PluginStop":
      case "PluginRequest":
        return plugins.perform(from, effect);
      default:
        return show(from, effect);
    }
  };

  const show = (from: Address, effect: ShownEffect): void => {
    switch (effect.type) {
      case "Log":
        return log.write({ module: from, ...effect });
      case "Count":
        return metrics.add(effect.name, effect.label, effect.by);
      case "Drop":
        metrics.add("dropped", effect.reason);
        return log.write({
          module: from,
          level: "DEBUG",
          reason: effect.reason,
          message: `packet dropped: ${effect.reason}`,
        });
      case "Notify":
        return options.onNotify(effect.event, from);
      case "Exit":
        log.write({
          module: from,
          level: effect.code === 0 ? "NOTICE" : "CRITICAL",
          reason: "exit",
          message: effect.message,
        });
        return end(effect.code);
      default:
        return absurd(effect);
    }
  };

  /* The timer */

  const clearTimer = (): void => {
    if (timer !== null) clearTimeout(timer.handle);
    timer = null;
  };

  const armTimer = (): void => {
    if (timer !== null && timer.at === wakeAt) return;
    clearTimer();
    if (wakeAt === null) return;
    const delayMs = Math.min(Math.max(1, Math.ceil(wakeAt - clock.now())), timerMaxMs);
    timer = { at: wakeAt, handle: setTimeout(ring, delayMs) };
  };

  const ring = (): void => {
    timer = null;
    if (wakeAt !== null && clock.now() >= wakeAt) turns.push(deadline);
    else armTimer();
  };

  /* Beginning and end */

  const stop = async (): Promise<void> => {
    halt();
    await Promise.all([tcp.close(), plugins.close()]);
    await unwrapper.close();
    await store.close();
  };

  const listenAll = async (): Promise<string[]> => {
    const listening: string[] = [];
    for (const listener of options.listeners) listening.push(await tcp.listen(listener));
    return listening;
  };

  try {
    for (const emission of stepWith((context) => system.start(context, options.boot))) perform(emission);
    armTimer();
  } catch (error) {
    crash(error);
  }
  const listening = await listenAll().catch(async (error) => {
    await stop();
    throw error;
  });
  return {
    listening,
    tell: (to, event) => {
      if (stopped || turns.waiting() >= queueLengthMax) return false;
      turns.push({ input: { to, event } });
      return true;
    },
    stop,
  };
};

const isIncoming = (event: unknown): event is Incoming =>
  (event as { readonly type?: unknown } | null)?.type === "Incoming";

/** What operators and applications see, as opposed to effects that have a result in the world. */
type ShownEffect = Extract<LeafEffect, { readonly type: "Log" | "Count" | "Drop" | "Notify" | "Exit" }>;
