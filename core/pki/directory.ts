/**
 * The directory machine: fetches consensus documents from the authorities and posts descriptors to them (specs/pki.rst
 * §5, wire-facts §2.7, §5.6, §5.7). Nodes and clients each have one, at the address `directory`.
 *
 * One command a connection. A document is asked for anonymously (empty additional data, a fresh key) of one authority
 * after the other in random order, until one answers with a document that verifies; who does not answer in time holds
 * nobody up: the next one is asked as well. A descriptor is posted to all authorities at once, as the owner of its
 * identity key.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { equal } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import type { Effect } from "../effects.ts";
import { earliest, invariant, type Machine, type Mono, type Step, type Tick } from "../machine.ts";
import type { Address } from "../system.ts";
import type { Command } from "../wire/commands.ts";
import type { SessionReport, SessionRequest } from "../wire/session.ts";
import { type Attempt, createJobs, type DirectoryState, type Job, tellSession, type Turn } from "./directory_jobs.ts";
import type { Document } from "./document.ts";
import type { EpochClock } from "./epoch.ts";

/** An authority as nodes and clients configure it. */
export interface AuthorityPeer {
  /** Ed25519, 32 bytes. */
  readonly identityKey: Uint8Array;
  /** X25519, 32 bytes. */
  readonly linkKey: Uint8Array;
  /** `host:port`, tried in turn. */
  readonly addresses: ReadonlyArray<string>;
}

/**
 * A non-voting authority, which is the only one of its network: its link key is the X25519 form of its identity key
 * (wire-facts §2.7). Null where the 32 bytes are no Ed25519 key.
 */
export const nonvotingPeer = (
  suite: Pick<Suite, "ed25519PublicToX25519">,
  identityKey: Uint8Array,
  address: string,
): AuthorityPeer | null => {
  const linkKey = suite.ed25519PublicToX25519(identityKey);
  return linkKey === null ? null : { identityKey, linkKey, addresses: [address] };
};

export interface DirectoryConfig {
  /** The address that the machine is spawned at; its sessions are at `self/N`. */
  readonly self: Address;
  /** The machine that is told the reports. */
  readonly owner: Address;
  /** At least one. */
  readonly authorities: ReadonlyArray<AuthorityPeer>;
  /** Ed25519, 64 bytes, for posting descriptors; null for clients. Documents are always fetched anonymously. */
  readonly credentials: { readonly identityPrivate: Uint8Array } | null;
  readonly clock: EpochClock;
}

/** What the owner asks. Each is answered by one report; a request equal to one under way is answered with it. */
export type DirectoryRequest =
  | { readonly type: "Fetch"; readonly epoch: number }
  /** `descriptor` is the signed certificate: the same bytes for each authority, and each time (wire-facts §5.2). */
  | { readonly type: "Publish"; readonly epoch: number; readonly descriptor: Uint8Array };

/**
 * Why there is no document: `not-found` not yet, `gone` never (so say more than half of the authorities), `unreachable`
 * none answered, `invalid` what came does not verify, `busy` too many epochs were asked for at once.
 */
export type FetchFailure = "not-found" | "gone" | "unreachable" | "invalid" | "busy";

export interface PublishFailure {
  /** The authority's identity key in hex. */
  readonly authority: string;
  /** `invalid`, `forbidden`, `no-credentials`, `busy`, `timeout`, or the reason for which the session ended. */
  readonly reason: string;
}

/** What the machine tells its owner. */
export interface DirectoryReport {
  readonly type: "Directory";
  readonly report:
    /** `document` is verified, `raw` the bytes that it was read from. */
    | { readonly type: "Document"; readonly epoch: number; readonly raw: Uint8Array; readonly document: Document }
    | { readonly type: "FetchFailed"; readonly epoch: number; readonly reason: FetchFailure }
    /** Every authority has answered or was given up: `of` = accepted + conflicts + failures. */
    | {
      readonly type: "Published";
      readonly epoch: number;
      readonly accepted: number;
      readonly conflicts: number;
      readonly failures: ReadonlyArray<PublishFailure>;
      readonly of: number;
    };
}

export type DirectoryEvent = DirectoryRequest | SessionReport;

/** Derived from the jobs alone. Sessions keep their own deadlines. */
const wakeAt = (jobs: PersistentMap<string, Job>): Mono | null =>
  earliest(
    ...[...jobs.values()].flatMap((job) => (job.type === "Fetch" ? [job.hurryAt] : job.retries.map(({ at }) => at))),
  );

/** Wire-facts §2.7: an authority presents its identity key and the link key that we have in our configuration. */
const authorization = (
  { identityKey, linkKey }: AuthorityPeer,
  { additionalData, key }: { readonly additionalData: Uint8Array; readonly key: Uint8Array },
): SessionRequest => {
  if (!equal(additionalData, identityKey)) return { type: "Denied", reason: "identity-key" };
  return equal(key, linkKey) ? { type: "Allowed" } : { type: "Denied", reason: "link-key" };
};

const commandOf = (job: Job): Command =>
  job.type === "Fetch"
    ? { type: "GetConsensus", epoch: job.epoch }
    : { type: "PostDescriptor", epoch: job.epoch, payload: job.descriptor };

const finish = ({ config, jobs, attempts, sessions, effects, consumed }: Turn): Step<DirectoryState, Effect> => ({
  state: { config, jobs, attempts, sessions },
  effects,
  wakeAt: wakeAt(jobs),
  consumed,
});

/** The directory machine over a crypto suite; its sessions are spawned as kind `session`. */
export const createDirectoryMachine = (
  suite: Suite,
): Machine<DirectoryConfig, DirectoryState, DirectoryEvent, Effect> => {
  const jobs = createJobs(suite);

  const onSession = (turn: Turn, { session, report }: SessionReport): void => {
    const attempt = turn.attempts.get(session);
    if (attempt === undefined) return;
    switch (report.type) {
      case "Authorize":
        return tellSession(turn, session, authorization(turn.config.authorities[attempt.authority]!, report));
      case "Up":
        return onUp(turn, session, attempt);
      case "Command":
        return onCommand(turn, session, attempt, report.command);
      case "Sealed":
      case "Sent":
        return;
      case "Down":
        turn.attempts = turn.attempts.delete(session);
        turn.consumed.push(attempt.staticPrivate);
        turn.effects.push({ type: "Stop", at: session });
        if (!attempt.settled) jobs.onNoAnswer(turn, attempt, report.reason);
    }
  };

  const onUp = (turn: Turn, session: Address, attempt: Attempt): void => {
    const job = turn.jobs.get(attempt.job);
    if (!attempt.settled && job !== undefined) tellSession(turn, session, { type: "Send", command: commandOf(job) });
  };

  const onCommand = (turn: Turn, session: Address, attempt: Attempt, command: Command): void => {
    if (attempt.settled || (command.type !== "Consensus" && command.type !== "PostDescriptorStatus")) return;
    jobs.settle(turn, session, attempt);
    jobs.onAnswer(turn, attempt, command);
  };

  const handle = (turn: Turn, event: DirectoryEvent | Tick): void => {
    switch (event.type) {
      case "Fetch":
        return jobs.onFetch(turn, event.epoch);
      case "Publish":
        return jobs.onPublish(turn, event.epoch, event.descriptor);
      case "Session":
        return onSession(turn, event);
      case "Tick":
        return jobs.onTick(turn);
    }
  };

  return {
    start: (context, config) => {
      invariant(config.authorities.length > 0, "a directory has at least one authority");
      return finish({
        context,
        config,
        jobs: PersistentMap(),
        attempts: PersistentMap(),
        sessions: 0,
        effects: [],
        consumed: [],
      });
    },
    step: (context, state, event) => {
      const turn: Turn = { context, ...state, effects: [], consumed: [] };
      handle(turn, event);
      return finish(turn);
    },
  };
};
