/**
 * What the directory machine (directory.ts) has under way: documents to fetch and descriptors to post, and the
 * connections that it has open for them.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { equal, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { type Effect, log, tell } from "../effects.ts";
import { E, type Either } from "../fp.ts";
import { after, type Context, type Mono } from "../machine.ts";
import { draws, shuffle } from "../random.ts";
import type { Address } from "../system.ts";
import { type Command, consensusStatus, descriptorStatus } from "../wire/commands.ts";
import type { SessionConfig, SessionRequest } from "../wire/session.ts";
import type { DirectoryConfig, DirectoryReport, FetchFailure, PublishFailure } from "./directory.ts";
import { type Document, type DocumentError, verifyDocument } from "./document.ts";
import { scheduleOf } from "./epoch.ts";

/** Jobs under way at once, of either kind. */
const jobsMax = 8;
/** How long one authority may keep silent before the next one is asked for the same document, ms. */
const patienceMs = 5_000;
/** Connections to one authority for one descriptor. */
const publishTriesMax = 3;
/** Wire-facts §5.6: an authority takes up to 30 s for the handshake and 60 s to answer. */
const deadlines = { dialMs: 10_000, handshakeMs: 30_000, idleMs: 60_000, writeMs: 30_000 };
/** Header and body, in bytes: the most that the link carries for a document; a status with room for padding. */
const documentLengthMax = 1_048_576 - 16;
const statusLengthMax = 1024;

export interface FetchJob {
  readonly type: "Fetch";
  readonly epoch: number;
  /** Indices of authorities, in the order in which they will be asked. */
  readonly untried: ReadonlyArray<number>;
  readonly failures: ReadonlyArray<Exclude<FetchFailure, "busy">>;
  /** When to ask the next one although the last has not answered. */
  readonly hurryAt: Mono | null;
}

export interface PublishJob {
  readonly type: "Publish";
  readonly epoch: number;
  readonly descriptor: Uint8Array;
  readonly accepted: number;
  readonly conflicts: number;
  readonly failures: ReadonlyArray<PublishFailure>;
  readonly retries: ReadonlyArray<{ readonly authority: number; readonly tries: number; readonly at: Mono }>;
}

export type Job = FetchJob | PublishJob;

/** A connection for a job; `settled` once its authority has answered or the job has ended. */
export interface Attempt {
  readonly job: string;
  readonly authority: number;
  readonly tries: number;
  /** The key that the session was given: wiped with it. */
  readonly staticPrivate: Uint8Array;
  readonly settled: boolean;
}

export interface DirectoryState {
  readonly config: DirectoryConfig;
  readonly jobs: PersistentMap<string, Job>;
  readonly attempts: PersistentMap<Address, Attempt>;
  /** Sessions so far: names the next one. */
  readonly sessions: number;
}

/** What one step gathers; it lives for that step only. */
export interface Turn {
  readonly context: Context;
  readonly config: DirectoryConfig;
  jobs: PersistentMap<string, Job>;
  attempts: PersistentMap<Address, Attempt>;
  sessions: number;
  readonly effects: Effect[];
  readonly consumed: Uint8Array[];
}

const keyOf = ({ type, epoch }: { readonly type: Job["type"]; readonly epoch: number }): string => `${type}/${epoch}`;

const report = (turn: Turn, content: DirectoryReport["report"]): void => {
  turn.effects.push(tell(turn.config.owner, { type: "Directory", report: content } satisfies DirectoryReport));
};

export const tellSession = (turn: Turn, session: Address, request: SessionRequest): void => {
  turn.effects.push(tell(session, request));
};

/** What several failures come to. A minority that says `gone` cannot make us give an epoch up. */
const verdict = (failures: FetchJob["failures"]): FetchFailure => {
  if (failures.filter((reason) => reason === "gone").length > failures.length / 2) return "gone";
  if (failures.includes("not-found")) return "not-found";
  return failures.includes("invalid") ? "invalid" : "unreachable";
};

/** An authority's answer. */
export type Answer = Extract<Command, { readonly type: "Consensus" | "PostDescriptorStatus" }>;

type ConsensusAnswer = Extract<Answer, { readonly type: "Consensus" }>;

/** The rules for jobs over a crypto suite: what requests, answers, failed connections and the clock do to them. */
export const createJobs = (suite: Suite) => {
  const connect = (turn: Turn, job: Job, authority: number, tries: number): void => {
    const { config } = turn;
    const session = `${config.self}/${turn.sessions++}`;
    const { addresses } = config.authorities[authority]!;
    const publishing = job.type === "Publish" ? config.credentials : null;
    const staticPrivate = publishing === null
      ? draws(turn.context.seed)(`static/${session}`).bytes(32)
      : suite.ed25519PrivateToX25519(publishing.identityPrivate);
    const sessionConfig: SessionConfig = {
      self: session,
      owner: config.self,
      role: { type: "initiator", addresses },
      staticPrivate,
      additionalData: publishing === null ? new Uint8Array(0) : publishing.identityPrivate.slice(32),
      deadlines,
      receives: job.type === "Fetch" ? ["Consensus"] : ["PostDescriptorStatus"],
      commandLengthMax: job.type === "Fetch" ? documentLengthMax : statusLengthMax,
      queueLength: 1,
    };
    turn.attempts = turn.attempts.set(session, { job: keyOf(job), authority, tries, staticPrivate, settled: false });
    turn.effects.push({ type: "Spawn", at: session, kind: "session", config: sessionConfig });
  };

  const onFetch = (turn: Turn, epoch: number): void => {
    const key = keyOf({ type: "Fetch", epoch });
    if (turn.jobs.has(key)) return;
    if (turn.jobs.size >= jobsMax) return report(turn, { type: "FetchFailed", epoch, reason: "busy" });
    const untried = shuffle(draws(turn.context.seed)("order"), turn.config.authorities.map((_, index) => index));
    askNext(turn, { type: "Fetch", epoch, untried, failures: [], hurryAt: null });
  };

  const askNext = (turn: Turn, job: FetchJob): void => {
    const [next, ...untried] = job.untried;
    const hurryAt = untried.length === 0 ? null : after(turn.context.now, patienceMs);
    const asked: FetchJob = { ...job, untried, hurryAt };
    turn.jobs = turn.jobs.set(keyOf(job), asked);
    if (next !== undefined) connect(turn, asked, next, 1);
  };

  const onPublish = (turn: Turn, epoch: number, descriptor: Uint8Array): void => {
    const { config } = turn;
    const job: PublishJob = {
      type: "Publish",
      epoch,
      descriptor,
      accepted: 0,
      conflicts: 0,
      failures: [],
      retries: [],
    };
    const under = turn.jobs.get(keyOf(job));
    if (under?.type === "Publish" && equal(under.descriptor, descriptor)) return;
    const refuse = (reason: string): void => {
      const failures = config.authorities.map(({ identityKey }) => ({ authority: toHex(identityKey), reason }));
      report(turn, { type: "Published", epoch, accepted: 0, conflicts: 0, failures, of: failures.length });
    };
    if (config.credentials === null) return refuse("no-credentials");
    if (under !== undefined || turn.jobs.size >= jobsMax) return refuse("busy");
    turn.jobs = turn.jobs.set(keyOf(job), job);
    config.authorities.forEach((_, index) => connect(turn, job, index, 1));
  };

  const onAnswer = (turn: Turn, attempt: Attempt, answer: Answer): void => {
    const job = turn.jobs.get(attempt.job);
    if (job?.type === "Fetch" && answer.type === "Consensus") return onConsensus(turn, job, attempt, answer);
    if (job?.type === "Publish" && answer.type === "PostDescriptorStatus") {
      return onStatus(turn, job, attempt, answer.status);
    }
    onNoAnswer(turn, attempt, "unexpected-command");
  };

  const settle = (turn: Turn, session: Address, attempt: Attempt): void => {
    turn.attempts = turn.attempts.set(session, { ...attempt, settled: true });
    tellSession(turn, session, { type: "Close", polite: true });
  };

  const onConsensus = (
    turn: Turn,
    job: FetchJob,
    attempt: Attempt,
    { status, payload: raw }: ConsensusAnswer,
  ): void => {
    if (status === consensusStatus.notFound) return failFetch(turn, job, "not-found");
    if (status === consensusStatus.gone) return failFetch(turn, job, "gone");
    const verified = verifyAnswer(turn, job.epoch, status, raw);
    if (E.isLeft(verified)) {
      logAttempt(turn, "WARNING", attempt, "sent a document that cannot be used", verified.left);
      return failFetch(turn, job, "invalid");
    }
    endFetch(turn, job);
    report(turn, { type: "Document", epoch: job.epoch, raw, document: verified.right });
  };

  const verifyAnswer = (
    turn: Turn,
    epoch: number,
    status: number,
    raw: Uint8Array,
  ): Either<DocumentError | "status", Document> => {
    if (status !== consensusStatus.ok) return E.left("status");
    const authorities = turn.config.authorities.map(({ identityKey }) => identityKey);
    return verifyDocument(suite, { authorities }, raw, { epoch, nowSeconds: Math.floor(turn.context.wall / 1000) });
  };

  const endFetch = (turn: Turn, job: FetchJob): void => {
    turn.jobs = turn.jobs.delete(keyOf(job));
    for (const [session, other] of turn.attempts) {
      if (other.job === keyOf(job) && !other.settled) settle(turn, session, other);
    }
  };

  const failFetch = (turn: Turn, job: FetchJob, reason: FetchJob["failures"][number]): void => {
    const failed: FetchJob = { ...job, failures: [...job.failures, reason] };
    if (failed.untried.length > 0) return askNext(turn, failed);
    if (failed.failures.length < turn.config.authorities.length) {
      turn.jobs = turn.jobs.set(keyOf(job), failed);
      return;
    }
    turn.jobs = turn.jobs.delete(keyOf(job));
    report(turn, { type: "FetchFailed", epoch: job.epoch, reason: verdict(failed.failures) });
  };

  const onStatus = (turn: Turn, job: PublishJob, attempt: Attempt, status: number): void => {
    if (status === descriptorStatus.ok) return advance(turn, { ...job, accepted: job.accepted + 1 });
    if (status === descriptorStatus.conflict) return advance(turn, { ...job, conflicts: job.conflicts + 1 });
    const reason = status === descriptorStatus.forbidden ? "forbidden" : "invalid";
    failPublish(turn, job, attempt, reason);
  };

  const failPublish = (turn: Turn, job: PublishJob, { authority }: Attempt, reason: string): void => {
    const failure = { authority: toHex(turn.config.authorities[authority]!.identityKey), reason };
    advance(turn, { ...job, failures: [...job.failures, failure] });
  };

  const advance = (turn: Turn, job: PublishJob): void => {
    const { epoch, accepted, conflicts, failures } = job;
    const of = turn.config.authorities.length;
    if (accepted + conflicts + failures.length < of) {
      turn.jobs = turn.jobs.set(keyOf(job), job);
      return;
    }
    turn.jobs = turn.jobs.delete(keyOf(job));
    report(turn, { type: "Published", epoch, accepted, conflicts, failures, of });
  };

  /** The connection ended, or its authority made no sense, before there was an answer. */
  const onNoAnswer = (turn: Turn, attempt: Attempt, reason: string): void => {
    const job = turn.jobs.get(attempt.job);
    if (job === undefined) return;
    logAttempt(turn, "DEBUG", attempt, "did not answer", reason);
    if (job.type === "Fetch") return failFetch(turn, job, "unreachable");
    if (attempt.tries >= publishTriesMax) return failPublish(turn, job, attempt, reason);
    const at = after(turn.context.now, scheduleOf(turn.config.clock).recheckMs);
    const retry = { authority: attempt.authority, tries: attempt.tries + 1, at };
    turn.jobs = turn.jobs.set(keyOf(job), { ...job, retries: [...job.retries, retry] });
  };

  const logAttempt = (
    turn: Turn,
    level: "DEBUG" | "WARNING",
    { job, authority }: Attempt,
    what: string,
    reason: string,
  ): void => {
    const fields = { job, authority: toHex(turn.config.authorities[authority]!.identityKey), detail: reason };
    turn.effects.push(log(level, "directory-attempt", `An authority ${what}.`, fields));
  };

  const onTick = (turn: Turn): void => {
    const { now } = turn.context;
    for (const job of turn.jobs.values()) {
      if (job.type === "Fetch") {
        if (job.hurryAt !== null && job.hurryAt <= now) askNext(turn, job);
        continue;
      }
      const due = job.retries.filter(({ at }) => at <= now);
      if (due.length === 0) continue;
      const waiting: PublishJob = { ...job, retries: job.retries.filter(({ at }) => at > now) };
      turn.jobs = turn.jobs.set(keyOf(job), waiting);
      for (const { authority, tries } of due) connect(turn, waiting, authority, tries);
    }
  };

  return { onFetch, onPublish, onAnswer, onNoAnswer, onTick, settle };
};
