/**
 * The spool plugin: a shell that drives the system of core/spool/system.ts (spool service, replicas, their client
 * session) over an lmdb store, asked through the plugin kit. An answer leaves when what it says is durable: the store
 * makes what comes together durable together.
 *
 * @module
 */
import { join } from "node:path";
import type { ClientConfig } from "../core/client/config.ts";
import {
  defaultHosting,
  type HostingConfig,
  type LinkReplied,
  type LinkSend,
  spoolsAddress,
  type SpoolsAnswer,
  type SpoolsReady,
  type SpoolsRequest,
} from "../core/spool/hosting_types.ts";
import { bootSpools, createSpoolSystem } from "../core/spool/system.ts";
import type { EpochClock } from "../core/pki/epoch.ts";
import { katzenpostGeometry as geometry } from "../core/sphinx/geometry.ts";
import { type Account, askForAccount, openAccount, optionsOf } from "./account.ts";
import { configOf } from "./client_api.ts";
import { type ClientFile, clientFile } from "./config/client.ts";
import { clockOf } from "./config/common.ts";
import { loadConfig } from "./config/load.ts";
import { nativeSuite as suite } from "./crypto_native.ts";
import { type DaemonLogger, openLogger } from "./log.ts";
import { createMetrics, type Declared } from "./metrics.ts";
import { declaredMetrics } from "./metrics_declared.ts";
import { openStore } from "./open_store.ts";
import type { PaddedReply, ServiceReply, ServiceRequest } from "./plugin_kit.ts";
import { type Shell, startShell } from "./shell.ts";
import type { SpoolFlags } from "./spool_flags.ts";
import { askDirectly, openLink } from "./spool_link.ts";
import { reportCounters } from "./spool_report.ts";
import { threadVerifier } from "./verifier.ts";

export interface SpoolPlugin {
  readonly handle: (request: Pick<ServiceRequest, "payload">) => Promise<ServiceReply>;
  readonly stop: () => Promise<void>;
  /** Of the direct link, for the descriptor; null without one. */
  readonly link: string | null;
}

/** What replicas count beside what the daemons' metrics declare. */
const replicaMetrics: ReadonlyArray<Declared> = ["added", "items", "synced", "hosted"].map((name) => ({
  name: `dspool-${name}`,
  type: "counter",
  help: `Answers of the kind ${name} to requests to replicated spools, by status.`,
  label: { name: "status", values: [] },
}));

/** Between attempts to make the account, ms. */
const registerAgainMs = 1000;
/** As cmd/testnet.ts: what a reply may be late, in epochs, where epochs are short. */
const replySlackEpochs = 0.5;

/** Durations between replicas follow the length of an epoch: the defaults are for 20 minutes. */
const hostingOf = (flags: SpoolFlags, { periodMs }: EpochClock): Omit<HostingConfig, "clock" | "hasClient"> => ({
  ...defaultHosting,
  usesLinks: flags.link !== null,
  hostedMax: flags.replicas,
  hostsPerEpochMax: flags.replicasPerEpoch,
  bytesPerReplicaMax: flags.replicaBytes,
  bytesMax: flags.replicasBytes,
  lifetimeEpochs: flags.replicaEpochs,
  messageLifetimeEpochs: flags.replicaMessageEpochs,
  pullMeanMs: Math.max(4000, Math.ceil(periodMs / 20)),
  retryMs: Math.max(500, Math.ceil(periodMs / 80)),
  deadlineMs: Math.max(20_000, Math.ceil(periodMs * 0.75)),
});

const loggerOf = ({ logDir, logLevel: level }: SpoolFlags): DaemonLogger =>
  openLogger({
    format: "text",
    level,
    output: logDir === null ? "stderr" : { file: join(logDir, "spool.log") },
    disable: false,
  });

/** The session's account, from the operator's file. */
interface SessionFile {
  readonly file: ClientFile;
  readonly name: string;
  readonly account: Account;
}

const sessionFile = (name: string | null): SessionFile | null => {
  if (name === null) return null;
  const file = loadConfig(clientFile, name);
  return { file, name, account: openAccount(file, name, suite) };
};

const clientConfigOf = ({ file, account }: SessionFile): ClientConfig => {
  const config = configOf(optionsOf(file, account));
  const replySlackMs = Math.min(config.timing.replySlackMs, replySlackEpochs * config.clock.periodMs);
  return { ...config, timing: { ...config.timing, replySlackMs } };
};

/** Has the account made at the Provider, whose program this one starts with, until it has said anything. */
const makeAccount = ({ file, name, account }: SessionFile, log: DaemonLogger): () => void => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = (level: "INFO" | "NOTICE", message: string): void =>
    log.write({ module: "session", level, reason: "registration", message });
  const ask = async (): Promise<void> => {
    try {
      const refusal = await askForAccount(file, name, account);
      // Where there is one already, connecting shows whether it is ours.
      if (refusal === null) write("NOTICE", `replicas talk to one another as ${account.user}@${account.provider}`);
      else write("INFO", refusal);
    } catch (error) {
      write("INFO", error instanceof Error ? error.message : String(error));
      timer = setTimeout(() => void ask(), registerAgainMs);
    }
  };
  if (file.Registration !== null) void ask();
  return () => clearTimeout(timer);
};

/** Requests to the system as promises, by their number. */
const createRequests = (tell: (request: SpoolsRequest) => boolean) => {
  const waiting = new Map<number, (reply: PaddedReply) => void>();
  let ids = 0;
  return {
    /** Null where the system cannot keep up. */
    ask: (payload: Uint8Array): Promise<PaddedReply | null> =>
      new Promise((resolve) => {
        const id = ++ids;
        waiting.set(id, resolve);
        if (tell({ type: "SpoolsRequest", id, payload })) return;
        waiting.delete(id);
        resolve(null);
      }),
    onAnswer: ({ id, payload: bytes, length }: SpoolsAnswer): void => {
      waiting.get(id)?.({ bytes, length });
      waiting.delete(id);
    },
  };
};

/** Rejects with a CommandError where the store, the link or the client's file is not usable. */
export const startSpoolPlugin = async (flags: SpoolFlags): Promise<SpoolPlugin> => {
  const log = loggerOf(flags);
  const session = sessionFile(flags.client);
  const clock = session === null ? flags.clock : clockOf(session.file.Samtpfote);
  const hosting = hostingOf(flags, clock);
  const metrics = createMetrics([...declaredMetrics, ...replicaMetrics]);
  const store = await openStore({ kind: "lmdb", dataDir: flags.dataStore, memoryBytesMax: 0, ownThread: true });

  let shell: Shell | null = null;
  const requests = createRequests((request) => shell?.tell(spoolsAddress, request) ?? false);
  const sendLink = async (event: LinkSend): Promise<void> => {
    const payload = await askDirectly(event, hosting.deadlineMs);
    shell?.tell(spoolsAddress, { type: "LinkReplied", id: event.id, payload } satisfies LinkReplied);
  };
  let onReady = (): void => {};
  const ready = new Promise<void>((resolve) => (onReady = resolve));
  const onNotify = (event: SpoolsAnswer | SpoolsReady | LinkSend): void => {
    switch (event.type) {
      case "SpoolsAnswer":
        return requests.onAnswer(event);
      case "SpoolsReady":
        return onReady();
      case "LinkSend":
        return void sendLink(event);
    }
  };
  const started = await startShell({
    system: createSpoolSystem({ suite, geometry }),
    boot: bootSpools({
      service: { ...flags.limits, clock },
      hosting,
      client: session === null ? null : clientConfigOf(session),
    }),
    sphinx: { suite, geometry },
    verifier: threadVerifier,
    store,
    listeners: [],
    onNotify: (event) => onNotify(event as SpoolsAnswer | SpoolsReady | LinkSend),
    log,
    metrics,
  });
  shell = started;
  // Where it cannot be read back the process ends.
  await ready;

  const stopRegistering = session === null ? () => {} : makeAccount(session, log);
  const link = flags.link === null ? null : await openLink(flags.link, geometry, requests.ask);
  const stopReport = reportCounters(metrics, log);
  return {
    handle: ({ payload }) => requests.ask(payload),
    link: link === null ? null : `http://${link.address}/`,
    stop: async () => {
      stopRegistering();
      stopReport();
      await link?.close();
      await started.stop();
      log.close();
    },
  };
};
