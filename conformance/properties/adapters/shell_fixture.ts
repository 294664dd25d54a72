/**
 * Shells whose machines are functions, and what they did.
 *
 * @module
 */
import type { Effect, Spawn } from "../../../core/effects.ts";
import type { Machine, Mono } from "../../../core/machine.ts";
import { katzenpostGeometry } from "../../../core/sphinx/geometry.ts";
import { type AnyMachine, createSystem } from "../../../core/system.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import type { LogRecord } from "../../../adapters/log.ts";
import { createMetrics } from "../../../adapters/metrics.ts";
import { type Shell, type ShellOptions, startShell } from "../../../adapters/shell.ts";
import { createMemoryStore } from "../../../adapters/store_memory.ts";

export type TestEvent = { readonly type: string } & Record<string, unknown>;

/** A machine of a function. */
export const machineOf = (
  react: (event: TestEvent, now: Mono) => {
    readonly effects?: ReadonlyArray<Effect>;
    readonly wakeAt?: Mono | null;
    readonly consumed?: ReadonlyArray<Uint8Array>;
  },
): AnyMachine => {
  const machine: Machine<unknown, { readonly wakeAt: Mono | null }, TestEvent, Effect> = {
    start: () => ({ state: { wakeAt: null }, effects: [], wakeAt: null }),
    step: (context, state, event) => {
      const { effects = [], wakeAt = state.wakeAt, consumed = [] } = react(event as TestEvent, context.now);
      return { state: { wakeAt }, effects, wakeAt, consumed };
    },
  };
  return machine as AnyMachine;
};

export interface Watched {
  readonly shell: Shell;
  readonly notices: unknown[];
  readonly records: LogRecord[];
  readonly forgotten: Uint8Array[];
  readonly exited: Promise<number>;
  readonly noticed: (type: string, count?: number) => Promise<void>;
}

export const isType = (type: string) => (notice: unknown): boolean =>
  (notice as { readonly type: string }).type === type;

export const watch = async (
  machines: Record<string, AnyMachine>,
  options: Partial<ShellOptions> = {},
): Promise<Watched> => {
  const notices: unknown[] = [];
  const records: LogRecord[] = [];
  const forgotten: Uint8Array[] = [];
  const waiters: Array<() => void> = [];
  let exit: (code: number) => void = () => {};
  const exited = new Promise<number>((resolve) => (exit = resolve));
  const boot: Spawn[] = Object.keys(machines).filter((kind) => kind !== "connection").map((kind) => ({
    type: "Spawn",
    at: kind,
    kind,
    config: null,
  }));
  const shell = await startShell({
    system: createSystem(machines),
    boot,
    sphinx: {
      suite: { forget: (secret: Uint8Array) => forgotten.push(secret) } as unknown as Suite,
      geometry: katzenpostGeometry,
    },
    store: createMemoryStore({ bytesMax: 1 << 20 }),
    listeners: [],
    onNotify: (event) => {
      notices.push(event);
      for (const waiter of waiters) waiter();
    },
    log: { write: (record) => void records.push(record), reopen: () => {}, close: () => {} },
    metrics: createMetrics(),
    exit,
    ...options,
  });
  const noticed = (type: string, count = 1): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => void (notices.filter(isType(type)).length >= count && resolve());
      waiters.push(check);
      check();
    });
  return { shell, notices, records, forgotten, exited, noticed };
};

export const notify = (event: unknown): Effect => ({ type: "Notify", event });
