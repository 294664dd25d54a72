/**
 * What the test network shows of replicated spools (drafts/dspool.rst): a spool with replicas at three Providers
 * outlives the sudden end of one of them, which catches up when it is back.
 *
 * @module
 */
import { fromUtf8, utf8 } from "../../core/bytes.ts";
import type { EpochClock } from "../../core/pki/epoch.ts";
import type { ReplicaDescriptor } from "../../core/spool/durable.ts";
import { ClientError, type MixClient } from "../client_api.ts";
import { nativeSuite as suite } from "../crypto_native.ts";
import {
  type NewReplicated,
  replicaAt,
  type ReplicatedReader,
  type ReplicatedSpools,
  replicatedSpoolsOf,
} from "../replicated_client.ts";
import { SpoolError } from "../spool_client.ts";
import type { Children } from "./children.ts";
import type { Screen } from "./screen.ts";

export interface SpoolShow {
  readonly writer: MixClient;
  readonly reader: MixClient;
  readonly clock: EpochClock;
  /** Of three Providers that keep spools. */
  readonly providers: ReadonlyArray<string>;
  readonly children: Pick<Children, "crash" | "restart">;
  readonly screen: Screen;
  /** Rejects when the network fails. */
  readonly failed: Promise<never>;
  /** Ends what waits. */
  readonly signal: AbortSignal;
}

export interface SpoolsShown {
  readonly replicas: ReadonlyArray<string>;
  readonly receipts: number;
  readonly killed: string;
  /** What was read, and from where, while one was dead. */
  readonly read: { readonly text: string; readonly from: string };
  /** What the one that was dead has caught up with. */
  readonly caughtUp: { readonly text: string; readonly from: string };
}

const firstText = "Kept by three Providers.";
const secondText = "Written while one of them was dead.";
const againMs = 300;

/** Tries until it gives something: packets get lost, Providers come back, replicas catch up. */
const until = async <A>({ signal, failed }: SpoolShow, attempt: () => Promise<A | null>): Promise<A> => {
  for (;;) {
    try {
      const result = await Promise.race([attempt(), failed]);
      if (result !== null) return result;
    } catch (error) {
      if (signal.aborted || !(error instanceof ClientError || error instanceof SpoolError)) throw error;
    }
    await Promise.race([new Promise((resolve) => setTimeout(resolve, againMs)), failed]);
  }
};

const spoolsFor = ({ clock }: SpoolShow, client: MixClient): ReplicatedSpools =>
  replicatedSpoolsOf({ client, suite, clock });

/** Appends through one replica; how many are known to hold it when enough of them do. */
const append = async (
  show: SpoolShow,
  { write }: NewReplicated,
  replica: ReplicaDescriptor,
  { sequence, text, copies }: { readonly sequence: number; readonly text: string; readonly copies: number },
): Promise<number> => {
  const spools = spoolsFor(show, show.writer);
  const prepared = spools.prepare(write, sequence, utf8(text));
  const { signal } = show;
  // The same message again changes nothing and brings the receipts that are known by then.
  return await until(show, async () => {
    const receipts = await spools.append(write, replica, prepared, { signal });
    return receipts.length >= copies ? receipts.length : null;
  });
};

/** Reads from one replica until a text is there. */
const readText = (
  show: SpoolShow,
  reader: ReplicatedReader,
  replica: ReplicaDescriptor,
  text: string,
): Promise<string> => {
  const spools = spoolsFor(show, show.reader);
  return until(show, async () => {
    const { messages } = await spools.read(reader, replica, { signal: show.signal });
    const texts = messages.map(({ message }) => message === null ? null : fromUtf8(message));
    return texts.find((one) => one === text) ?? null;
  });
};

/** Shows all of it. Rejects with the reason of the signal, or when the network fails. */
export const showSpools = async (show: SpoolShow): Promise<SpoolsShown> => {
  const { screen, providers, children, signal } = show;
  const [first, second, third] = providers as [string, string, string];
  const spool = await until(show, () => spoolsFor(show, show.writer).create(providers, { signal }));
  const at = (provider: string): ReplicaDescriptor => replicaAt(spool.write, provider)!;
  screen.step("spool", `alice made a spool with replicas at ${first}, ${second} and ${third}, which bob may read`);
  const receipts = await append(show, spool, at(first), { sequence: 0, text: firstText, copies: providers.length });
  screen.step("append", `alice wrote through ${first} and has the receipts of ${receipts} replicas`);
  await children.crash(first);
  screen.step("kill", `${first} was killed (SIGKILL)`);
  const read = await readText(show, spool.read, at(second), firstText);
  screen.step("read", `bob read "${read}" from ${second}`);
  const restarting = children.restart(first);
  await append(show, spool, at(third), { sequence: 1, text: secondText, copies: 1 });
  screen.step("append", `alice wrote through ${third}, while ${first} is starting again`);
  await restarting;
  const late = await readText(show, spool.read, at(first), secondText);
  screen.step("caught up", `bob read "${late}" from ${first}, which is back`);
  return {
    replicas: providers,
    receipts,
    killed: first,
    read: { text: read, from: second },
    caughtUp: { text: late, from: first },
  };
};
