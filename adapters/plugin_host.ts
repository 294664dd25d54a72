/**
 * Performs the effects of plugins' machines (core/provider/plugin.ts): runs their programs and carries bodies of
 * requests and answers, at which it does not look, over HTTP and a Unix socket.
 *
 * @module
 */
import type { PluginEvent, PluginRequest, PluginStart, PluginStop } from "../core/effects.ts";
import { parametersPath, requestPath } from "../core/provider/plugin_messages.ts";
import type { Address } from "../core/system.ts";
import type { Logger } from "./log.ts";
import { type Post, post } from "./plugin_http.ts";
import { type PluginProcess, startPluginProcess } from "./plugin_process.ts";

export interface PluginHostOptions {
  readonly report: (to: Address, event: PluginEvent) => void;
  readonly log: Logger;
}

export interface PluginHost {
  readonly perform: (from: Address, effect: PluginStart | PluginStop | PluginRequest) => void;
  /** Ends all programs, gently at first, and resolves when they have ended. */
  readonly close: () => Promise<void>;
}

interface Running {
  readonly process: PluginProcess;
  readonly bodyLengthMax: number;
  /** Null until the program has said it. */
  socketPath: string | null;
  readonly posts: Set<Post>;
}

export const createPluginHost = ({ report, log }: PluginHostOptions): PluginHost => {
  const running = new Map<string, Running>();
  const keyOf = (from: Address, instance: number): string => `${from}#${instance}`;

  const ask = async (program: Running, socketPath: string, path: string, body: Uint8Array) => {
    const asked = post({ socketPath, path, body, bodyLengthMax: program.bodyLengthMax });
    program.posts.add(asked);
    const result = await asked.result;
    program.posts.delete(asked);
    return result;
  };

  const greet = async (from: Address, instance: number, socketPath: string): Promise<void> => {
    const program = running.get(keyOf(from, instance));
    if (program === undefined) return;
    program.socketPath = socketPath;
    const result = await ask(program, socketPath, parametersPath, new Uint8Array(0));
    if (!running.has(keyOf(from, instance))) return;
    if (result.ok) return report(from, { type: "PluginStarted", instance, parameters: result.body });
    const message = `it does not answer ${parametersPath} at its socket ${socketPath}: ${result.reason}`;
    log.write({ module: from, level: "ERROR", reason: "plugin-parameters", message });
    program.process.stop();
  };

  const start = (from: Address, { instance, command, args, bodyLengthMax, graceMs }: PluginStart): void => {
    const key = keyOf(from, instance);
    const onExit = (reason: string): void => {
      for (const { cancel } of running.get(key)?.posts ?? []) cancel();
      running.delete(key);
      if (running.size === 0) process.removeListener("exit", killAll);
      report(from, { type: "PluginExited", instance, reason });
    };
    const onSocket = (path: string): void => void greet(from, instance, path);
    if (running.size === 0) process.on("exit", killAll);
    try {
      const started = startPluginProcess({ command, args, graceMs, module: from, log, onSocket, onExit });
      running.set(key, { process: started, bodyLengthMax, socketPath: null, posts: new Set() });
    } catch (error) {
      onExit(`${command} cannot be started: ${error instanceof Error ? error.message : String(error)}`);
    }
  };

  const request = async (from: Address, { instance, id, body }: PluginRequest): Promise<void> => {
    const program = running.get(keyOf(from, instance));
    // It has just ended: PluginExited is on its way.
    if (program === undefined || program.socketPath === null) return;
    const result = await ask(program, program.socketPath, requestPath, body);
    if (!running.has(keyOf(from, instance))) return;
    if (result.ok) report(from, { type: "PluginReplied", instance, id, body: result.body });
    else report(from, { type: "PluginFailed", instance, id, reason: result.reason });
  };

  // A process that ends by itself leaves no programs behind.
  const killAll = (): void => {
    for (const { process } of running.values()) process.kill();
  };

  return {
    perform: (from, effect) => {
      switch (effect.type) {
        case "PluginStart":
          return start(from, effect);
        case "PluginStop":
          return running.get(keyOf(from, effect.instance))?.process.stop();
        case "PluginRequest":
          return void request(from, effect);
      }
    },
    close: async () => {
      const programs = [...running.values()];
      for (const { process } of programs) process.stop();
      await Promise.all(programs.map(({ process }) => process.ended));
    },
  };
};
