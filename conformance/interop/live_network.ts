/**
 * A small network of real processes, each of which can be killed and started again from its DataDir. A successor is
 * loaded before the one that is to die is killed, so that a start takes no longer on a busy machine.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeSuite } from "../../adapters/crypto_native.ts";
import { freePorts } from "../../adapters/free_ports.ts";
import { type NetworkPlan, type Place, planNetwork, portsOf, writeNetwork } from "../../adapters/network_plan.ts";
import { type Children, type LogLine, startChildren } from "../../adapters/testnet/children.ts";
import { createEpochClock, type EpochClock } from "../../core/pki/epoch.ts";
import type { LoopixParameters } from "../../core/pki/parameters.ts";
import { root } from "./process.ts";

const host = "127.0.0.1";
const firstEpoch = 1000;

/** Short delays, few decoys. */
const parameters: LoopixParameters = {
  sendRatePerMinute: 60_000,
  mu: 0.02,
  muMaxDelayMs: 500,
  lambdaP: 0.01,
  lambdaPMaxDelayMs: 1000,
  lambdaL: 0.0002,
  lambdaLMaxDelayMs: 20_000,
  lambdaD: 0.0002,
  lambdaDMaxDelayMs: 20_000,
  lambdaM: 0.0002,
  lambdaMMaxDelayMs: 20_000,
};

export interface Told extends LogLine {
  readonly who: string;
}

export interface LiveNetwork {
  readonly plan: NetworkPlan;
  readonly clock: EpochClock;
  /** All lines so far, of all lives. */
  readonly lines: ReadonlyArray<Told>;
  /**
   * Resolves with the first line from the `from`th on that fits; rejects after `ms`, or when a process ends by itself.
   */
  readonly told: (who: string, fits: (line: Told) => boolean, from: number, ms: number) => Promise<Told>;
  /** Loads a successor, so that what follows takes little time. */
  readonly prepare: (who: string) => Promise<void>;
  /** SIGKILL, and when it is dead the successor starts from the same DataDir; resolves when that one listens. */
  readonly killAndRestart: (who: string) => Promise<void>;
  /** The same in two halves: between them nobody is there. */
  readonly kill: (who: string) => Promise<void>;
  readonly restart: (who: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface LiveOptions {
  readonly authorities: number;
  readonly clients: ReadonlyArray<string>;
}

const isListening = ({ reason }: Told): boolean => reason === "listening";
const readyMs = 60_000;

/** A round of votes has to fit in: epochs are longer on a machine on which the processes took long to load. */
const periodFor = (loadMs: number): number => 12_000 * Math.min(5, Math.ceil(loadMs / 6000));

/** One mix, one Provider and some authorities, whose first epoch has just begun. */
export const startLiveNetwork = async ({ authorities, clients }: LiveOptions): Promise<LiveNetwork> => {
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-live-"));
  const size = { nonvoting: false, authorities, layers: 1, mixesPerLayer: 1, providers: 1 };
  const ports = await freePorts(host, portsOf(size));
  const plan = planNetwork(nativeSuite, { ...size, folder, host, ports, clients, parameters });
  const places = new Map([...plan.authorities, ...plan.mixes, ...plan.providers].map((place) => [place.name, place]));
  const lines: Told[] = [];
  const watchers = new Set<() => void>();
  let death: Error | null = null;
  let onDead: (error: Error) => void = () => {};
  /** Rejects when a process ends by itself. */
  const dead = new Promise<never>((_, reject) => (onDead = reject));
  dead.catch(() => {});

  const notify = (): void => {
    for (const watcher of watchers) watcher();
  };

  const child = ({ name, file, folder: own }: Place): Children =>
    startChildren({
      specs: [{
        name,
        file,
        script: plan.authorities.some((one) => one.name === name) ? "cmd/authority.ts" : "cmd/mix.ts",
        logFile: join(own, "log.jsonl"),
      }],
      root,
      onLine: (who, line) => {
        lines.push({ ...line, who });
        notify();
      },
      onDeath: (who, how, last) => {
        death = new Error([`${who} ended (${how})`, ...last].join("\n"));
        onDead(death);
        notify();
      },
    });

  const told: LiveNetwork["told"] = (who, fits, from, ms) =>
    new Promise((resolve, reject) => {
      const end = (): void => {
        watchers.delete(look);
        clearTimeout(timer);
      };
      const look = (): void => {
        const found = lines.find((line, at) => at >= from && line.who === who && fits(line));
        if (found === undefined && death === null) return;
        end();
        if (found !== undefined) resolve(found);
        else reject(death!);
      };
      const timer = setTimeout(() => {
        end();
        const last = lines.filter((line) => line.who === who).slice(-40).map((line) =>
          `${line.reason}: ${line.message}`
        );
        reject(new Error([`${who} did not say what was expected within ${ms} ms, but`, ...last].join("\n")));
      }, ms);
      watchers.add(look);
      look();
    });

  const running = new Map([...places].map(([name, place]) => [name, child(place)]));
  const successors = new Map<string, Children>();

  const prepare = async (name: string): Promise<void> => {
    const next = successors.get(name) ?? child(places.get(name)!);
    successors.set(name, next);
    await Promise.race([next.loaded, dead]);
  };

  const kill = async (name: string): Promise<void> => {
    await prepare(name);
    running.get(name)!.kill();
    await running.get(name)!.stop();
  };

  const restart = async (name: string): Promise<void> => {
    const next = successors.get(name)!;
    successors.delete(name);
    const from = lines.length;
    running.set(name, next);
    next.go();
    await told(name, isListening, from, readyMs);
  };

  const stop = async (): Promise<void> => {
    for (const next of successors.values()) next.kill();
    await Promise.all([...running.values(), ...successors.values()].map((one) => one.stop()));
    rmSync(folder, { recursive: true, force: true });
  };

  const clock = await (async (): Promise<EpochClock> => {
    const began = Date.now();
    await Promise.race([Promise.all([...running.values()].map(({ loaded }) => loaded)), dead]);
    const periodMs = periodFor(Date.now() - began);
    const made = createEpochClock(periodMs, Math.round(Date.now() - firstEpoch * periodMs));
    writeNetwork(plan, { clock: made, logFormat: "json", logLevel: "DEBUG", reconnectStepMs: 300, dwellMs: 20_000 });
    for (const one of running.values()) one.go();
    await Promise.all([...places.keys()].map((name) => told(name, isListening, 0, readyMs)));
    return made;
  })().catch(async (error) => {
    await stop();
    throw error;
  });
  return {
    plan,
    clock,
    lines,
    told,
    prepare,
    kill,
    restart,
    killAndRestart: async (name) => {
      await kill(name);
      await restart(name);
    },
    stop,
  };
};
