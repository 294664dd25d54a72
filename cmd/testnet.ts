/**
 * A whole mix network on this machine, as real processes over loopback TCP, and a first message through it: `npm
 * start`.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { SentPacket } from "../core/client/events.ts";
import { createEpochClock, type EpochClock } from "../core/pki/epoch.ts";
import type { LoopixParameters } from "../core/pki/parameters.ts";
import { type Account, askForAccount, asUnavailable, openAccount, optionsOf } from "../adapters/account.ts";
import { ClientError, connect, type MixClient } from "../adapters/client_api.ts";
import { commandLine, runCommand } from "../adapters/command.ts";
import { type ClientFile, clientFile } from "../adapters/config/client.ts";
import { parseDuration } from "../adapters/config/codec.ts";
import { loadConfig } from "../adapters/config/load.ts";
import { nativeSuite } from "../adapters/crypto_native.ts";
import { CommandError, exitCode, unavailableError, usageError } from "../adapters/exit.ts";
import { freePorts } from "../adapters/free_ports.ts";
import { type ClientPlace, type NetworkPlan, planNetwork, portsOf, writeNetwork } from "../adapters/network_plan.ts";
import { roundTripLines } from "../adapters/show.ts";
import { type Children, type ChildSpec, startChildren } from "../adapters/testnet/children.ts";
import { createProgress, type Progress } from "../adapters/testnet/progress.ts";
import {
  deadlineFor,
  dwellFor,
  longerPeriod,
  patienceEpochs,
  periodFor,
  usualDeadlineMs,
} from "../adapters/testnet/pace.ts";
import { createScreen, type Screen } from "../adapters/testnet/screen.ts";
import { showSpools } from "../adapters/testnet/spools.ts";

const usage = `usage: testnet [--once]

Starts a mix network on this machine: 3 directory authorities, 3 layers of 2 mixes, 5 Providers, each its own process.
Alice pings a service and sends Bob a message; a spool with replicas at three Providers outlives one of them, which is
killed; then the network runs until Ctrl-C.

      --once           end after that; one line of JSON on standard output, everything else on standard error
      --dir DIR        folder for keys, configurations and logs, which is kept (default: a temporary one); a new
                       one, or one of an earlier testnet, which begins anew with the same keys
      --keep           keep the temporary folder
      --epoch TIME     length of an epoch (default: 10s, more on a busy machine)
      --deadline TIME  give up when it has not come to its end by then (default: 5m, more with longer epochs)
  -h, --help           this text
      --version        of samtpfote`;

const options = {
  once: { type: "boolean", default: false },
  dir: { type: "string" },
  keep: { type: "boolean", default: false },
  epoch: { type: "string" },
  deadline: { type: "string" },
} as const;

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const host = "127.0.0.1";
const size = { nonvoting: false, authorities: 3, layers: 3, mixesPerLayer: 2, providers: 5, spools: 3 };
const text = "Hello Bob, this went through the mix network.";

/**
 * Short delays, so that there is something to see, and little decoy traffic, so that two cores can carry everything.
 */
const parameters: LoopixParameters = {
  sendRatePerMinute: 6000,
  mu: 0.01,
  muMaxDelayMs: 1000,
  lambdaP: 0.002,
  lambdaPMaxDelayMs: 5000,
  lambdaL: 0.0005,
  lambdaLMaxDelayMs: 20_000,
  lambdaD: 0.0005,
  lambdaDMaxDelayMs: 20_000,
  lambdaM: 0.0002,
  lambdaMMaxDelayMs: 20_000,
};

/**
 * The epoch that begins with the network: nodes have the first half of it to publish their descriptors for the next.
 */
const firstEpoch = 1000;
const reconnectStepMs = 500;
/** How long after its time a reply is waited for, before another attempt: this part of an epoch. */
const replySlackFraction = 0.5;

const mark = ".testnet";

/** A folder that may begin anew, with which goes what its nodes had stored: no folder that somebody else made. */
const ownFolder = (given: string): string => {
  const folder = resolve(given);
  const isOther = existsSync(folder) &&
    (!statSync(folder).isDirectory() || (readdirSync(folder).length > 0 && !existsSync(join(folder, mark))));
  if (isOther) throw usageError(`--dir expects a new folder, or one of an earlier testnet; ${folder} is neither`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, mark), "");
  return folder;
};

const duration = (flag: string, value: string, leastMs: number): number => {
  const ms = parseDuration(value);
  if (ms === null || ms < leastMs) {
    throw usageError(`--${flag} expects a time of at least ${leastMs / 1000}s, as "10s" or "2m"; got "${value}"`);
  }
  return ms;
};

const specsOf = ({ authorities, mixes, providers }: NetworkPlan): ChildSpec[] => [
  ...authorities.map((place) => ({ ...place, script: "cmd/authority.ts", logFile: join(place.folder, "log.jsonl") })),
  ...[...mixes, ...providers].map((place) => ({
    ...place,
    script: "cmd/mix.ts",
    logFile: join(place.folder, "log.jsonl"),
  })),
];

interface Network {
  readonly plan: NetworkPlan;
  readonly children: Children;
  readonly progress: Progress;
  readonly screen: Screen;
  /** Rejects when the network fails. */
  readonly failed: Promise<never>;
  /** Ends what waits, in any case. */
  readonly signal: AbortSignal;
  readonly clock: EpochClock;
}

interface Start {
  readonly folder: string;
  /** Of an epoch, by the loading time of the processes. */
  readonly periodOf: (loadMs: number) => number;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/** Loads the processes, then gives them a network whose epochs begin now. */
const startNetwork = async ({ folder, periodOf, screen, signal }: Start): Promise<Network> => {
  const startedMs = screen.elapsedMs();
  const ports = await freePorts(host, portsOf(size));
  const plan = planNetwork(nativeSuite, { ...size, folder, host, ports, clients: ["alice", "bob"], parameters });
  const specs = specsOf(plan);
  screen.step("keys", `${specs.length} nodes and ${plan.clients.length} clients have their keys`);
  const nodes = [...plan.mixes, ...plan.providers].map(({ name }) => name);
  const names = {
    authorities: plan.authorities.map(({ name }) => name),
    nodes,
    providers: plan.providers.map(({ name }) => name),
  };
  const progress = createProgress({ ...size, ...names }, screen);
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => (fail = reject));
  failed.catch(() => {});
  signal.addEventListener("abort", () => fail(signal.reason as Error));
  const onDeath = (name: string, how: string, last: ReadonlyArray<string>): void =>
    fail(unavailableError([`${name} ended (${how}); its last lines:`, ...last.map((line) => `  ${line}`)].join("\n")));
  const children = startChildren({ specs, root, onLine: progress.onLine, onDeath });
  try {
    await Promise.race([children.loaded, failed]);
    const periodMs = periodOf(screen.elapsedMs() - startedMs);
    screen.step("loaded", `${specs.length} processes; epochs last ${periodMs / 1000} s`);
    const originMs = Math.round(Date.now() - firstEpoch * periodMs);
    const clock = createEpochClock(periodMs, originMs);
    const dwellMs = dwellFor(periodMs);
    writeNetwork(plan, { clock, logFormat: "json", logLevel: "INFO", reconnectStepMs, dwellMs });
    // In a folder that was used before, the numbers of epochs come again: what was stored for them does not hold.
    const stores = plan.providers.flatMap(({ spool }) => spool?.store ?? []);
    for (const folder of [...specs.map(({ logFile }) => dirname(logFile)), ...stores]) {
      rmSync(join(folder, "state.lmdb"), { force: true });
    }
    children.go();
    await Promise.race([progress.listening, failed]);
    return { plan, children, progress, screen, failed, signal, clock };
  } catch (error) {
    await children.stop();
    throw error;
  }
};

/** Whether its authorities agree on a document in time, where other epochs are possible; else when they do. */
const agrees = async ({ clock, progress, failed }: Network, isFixed: boolean): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    if (!isFixed) timer = setTimeout(() => resolve(false), patienceEpochs * clock.periodMs);
  });
  const agreed = progress.agreed.then(() => true);
  return await Promise.race([agreed, late, failed]).finally(() => clearTimeout(timer));
};

interface Member {
  readonly place: ClientPlace;
  readonly account: Account;
  readonly client: MixClient;
}

/** A request that was given up may have made the account all the same. */
const makeAccount = async ({ failed, screen }: Network, file: ClientFile, name: string, account: Account) => {
  for (let attempt = 1;; attempt++) {
    const asking = askForAccount(file, name, account).catch((error: unknown) => {
      if (error instanceof CommandError && error.code === exitCode.unavailable) return error;
      throw error;
    });
    const refusal = await Promise.race([asking, failed]);
    if (refusal === null || (attempt > 1 && !(refusal instanceof Error) && refusal.endsWith("exists"))) return;
    if (!(refusal instanceof Error)) throw unavailableError(refusal);
    screen.warn(`account: ${refusal.message}; trying again`);
  }
};

const connectMember = async (
  network: Network,
  place: ClientPlace,
  deadlineMs: number,
): Promise<Member> => {
  const { signal, failed, screen } = network;
  const file = loadConfig(clientFile, place.file);
  const account = openAccount(file, place.file, nativeSuite);
  await makeAccount(network, file, place.file, account);
  const options = optionsOf(file, account);
  const timing = { ...options.timing, replySlackMs: replySlackFraction * file.Samtpfote.EpochPeriod };
  const connecting = connect({ ...options, timing, suite: nativeSuite, signal, timeoutMs: deadlineMs });
  const client = await Promise.race([connecting, failed]);
  screen.step("client", `${place.name} is connected to ${place.provider.name}`);
  return { place, account, client };
};

const tripOf = ({ path, delaysMs, returnPath, returnDelaysMs, etaMs }: SentPacket, rttMs: number) => ({
  path,
  delaysMs,
  returnPath,
  returnDelaysMs,
  etaMs,
  rttMs: Math.round(rttMs),
});

/** Tries again what the network lost, until the deadline. */
const insist = async <A>({ screen, signal, failed }: Network, what: string, attempt: () => Promise<A>): Promise<A> => {
  for (;;) {
    try {
      return await Promise.race([attempt(), failed]);
    } catch (error) {
      if (signal.aborted || !(error instanceof ClientError)) throw error;
      screen.warn(`${what}: ${error.message}; trying again`);
    }
  }
};

/** Alice pings the other Provider's loop service and sends Bob a text; what is shown comes back as data. */
const deliver = async (network: Network, alice: Member, bob: Member) => {
  const { screen, signal, failed } = network;
  const destination = bob.place.provider.name;
  const ping = await insist(network, "ping", () => alice.client.ping("loop", destination, { signal }));
  screen.step(
    "ping",
    `alice asked the loop service of ${destination} and had its answer after ${Math.round(ping.rttMs)} ms`,
  );
  for (const line of roundTripLines(ping)) screen.detail(line.trim());
  const received = bob.client.messages().next();
  const recipient = { user: bob.account.user, provider: bob.account.provider, key: bob.account.keys.identityKey };
  const { packets, rttMs } = await insist(network, "message", () => alice.client.send(recipient, text, { signal }));
  const message = await Promise.race([received, failed]);
  const got = message.done === true ? null : message.value.text;
  if (got !== text) throw new CommandError(exitCode.failure, `bob received ${JSON.stringify(got)}`);
  screen.step("message", `bob received "${got}"; alice had the acknowledgement after ${Math.round(rttMs)} ms`);
  for (const line of roundTripLines(packets[0]!)) screen.detail(line.trim());
  screen.detail("sent directly to his mailbox: an interim that later versions replace by remote spools");
  return { ping: tripOf(ping, ping.rttMs), message: { text, ...tripOf(packets[0]!, rttMs) } };
};

const showUse = ({ plan, screen }: Network, folder: string): void => {
  const [alice, bob] = plan.clients;
  const line = (place: ClientPlace, rest: string): void =>
    screen.plain(`  ${commandLine("cmd/client.ts")} -f ${place.file} ${rest}`);
  screen.title("\nThe network runs until Ctrl-C. From another terminal, in this folder:");
  screen.plain(`  cd ${root}`);
  line(alice!, "ping");
  line(alice!, `send bob@${bob!.provider.name} "Hello again"`);
  line(bob!, "fetch");
  line(alice!, "status");
  screen.plain(`\nConfigurations and logs are in ${folder}`);
};

const perform = async (network: Network, deadlineMs: number) => {
  const { screen, progress, plan } = network;
  const [alice, bob] = await Promise.all(plan.clients.map((place) => connectMember(network, place, deadlineMs)));
  const trips = await deliver(network, alice!, bob!);
  const epoch = alice!.client.document()?.epoch ?? 0;
  const signatures = progress.consensusOf(epoch)?.signatures ?? 0;
  const spools = plan.providers.filter(({ spool }) => spool !== null).map(({ name }) => name);
  const shown = await showSpools({ ...network, writer: alice!.client, reader: bob!.client, providers: spools });
  await Promise.all([alice!.client.close(), bob!.client.close()]);
  return {
    epoch,
    signatures,
    of: size.authorities,
    ...trips,
    spool: shown,
    timesMs: {
      loaded: screen.timeOf("loaded"),
      consensus: screen.timeOf("consensus"),
      connected: screen.timeOf("client"),
      delivered: screen.timeOf("message"),
      spool: screen.timeOf("spool"),
      killed: screen.timeOf("kill"),
      read: screen.timeOf("read"),
      caughtUp: screen.timeOf("caught up"),
    },
  };
};

/** Resolves with the first signal; a second one ends the process at once. */
const untilSignal = (children: () => Children | null): Promise<string> =>
  new Promise((resolve) => {
    let count = 0;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (count++ === 0) return resolve(signal);
        children()?.kill();
        process.exit(130);
      });
    }
  });

await runCommand({
  name: "testnet",
  usage,
  options,
  run: async (values) => {
    const chosenMs = values.epoch === undefined ? null : duration("epoch", values.epoch, 2000);
    const givenMs = values.deadline === undefined ? null : duration("deadline", values.deadline, 1000);
    const screen = createScreen(values.once ? process.stderr : process.stdout);
    const folder = values.dir === undefined ? mkdtempSync(join(tmpdir(), "samtpfote-")) : ownFolder(values.dir);
    const isKept = values.keep || values.dir !== undefined;
    process.umask(0o077);
    screen.title(
      `A mix network of ${size.authorities} authorities, ${size.layers} layers of ${size.mixesPerLayer} mixes, ` +
        `${size.providers} Providers`,
    );
    screen.plain(`in ${folder}${isKept ? "" : ", which is removed at the end"}`);
    const abort = new AbortController();
    // Every request that is under way listens to it.
    setMaxListeners(0, abort.signal);
    let network: Network | null = null;
    const signalled = untilSignal(() => network?.children ?? null);
    void signalled.then((signal) => abort.abort(new CommandError(130, `stopped by ${signal}`)));
    let timer: NodeJS.Timeout | undefined;
    const giveUpAfter = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const last = network?.progress.lastStep() ?? "the processes were started";
        abort.abort(unavailableError(`it has not come to its end within ${ms / 1000} s; the last step was: ${last}`));
      }, ms);
    };
    giveUpAfter(givenMs ?? usualDeadlineMs);
    const start = async (periodOf: Start["periodOf"]): Promise<Network> => {
      const started = await startNetwork({ folder, periodOf, screen, signal: abort.signal });
      if (givenMs === null) giveUpAfter(deadlineFor(started.clock.periodMs));
      return started;
    };
    try {
      network = await start((loadMs) => chosenMs ?? periodFor(loadMs));
      // The machine was idle when the period was chosen, and is no more.
      for (;;) {
        const nextMs = chosenMs === null ? longerPeriod(network.clock.periodMs) : null;
        if (await agrees(network, nextMs === null) || nextMs === null) break;
        screen.warn(
          `no document in ${patienceEpochs} epochs: the network begins anew with epochs of ${nextMs / 1000} s`,
        );
        await network.children.stop();
        network = await start(() => nextMs);
      }
      const result = await perform(network, givenMs ?? deadlineFor(network.clock.periodMs));
      clearTimeout(timer);
      if (values.once) {
        console.log(JSON.stringify(result));
        return exitCode.ok;
      }
      showUse(network, folder);
      await Promise.race([signalled, network.failed]);
      screen.plain("stopping");
      return exitCode.ok;
    } catch (error) {
      throw asUnavailable(error);
    } finally {
      clearTimeout(timer);
      await network?.children.stop();
      if (!isKept) rmSync(folder, { recursive: true, force: true });
    }
  },
});
