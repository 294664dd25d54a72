/**
 * Changes of spools: one batch of a spool at a time goes to the store and is answered when it is durable; appends that
 * came meanwhile go together in the next. A batch that fails changes nothing.
 *
 * @module
 */
import { List } from "../collections/list.ts";
import { toHex } from "../bytes.ts";
import { log, type StoreFailure, type StoreWrite } from "../effects.ts";
import { absurd } from "../machine.ts";
import { draws } from "../random.ts";
import {
  deletions,
  messageIdMax,
  messagesBefore,
  messageWrites,
  newSpool,
  purgeWrites,
  type Spool,
  spoolWrite,
  withMessage,
  withoutMessage,
} from "./service_spool.ts";
import {
  type Answer,
  answerHeld,
  type Batch,
  type Caller,
  type Operation,
  ownerKeyOf,
  type ServiceTurn,
  takeId,
  update,
} from "./service_state.ts";
import { spoolIdLength, type SpoolStatus } from "./service_types.ts";

/** Appends of one spool in one commit: 3 MB. */
const batchMax = 64;
/** Messages of one spool that one step of expiry deletes. */
export const trimMax = 512;

interface Planned {
  readonly batch: Batch;
  readonly writes: ReadonlyArray<StoreWrite>;
}

const spoolOf = (turn: ServiceTurn, key: string): Spool | null => {
  const id = turn.state.owners.get(key);
  return id === undefined ? null : turn.state.spools.get(id) ?? null;
};

/** Adds a change to the queue of a spool, and starts it where nothing is under way. */
export const enqueue = (turn: ServiceTurn, key: string, operation: Operation): void => {
  if ("caller" in operation) update(turn, { held: turn.state.held + 1 });
  const queue = turn.state.queues.get(key);
  if (queue === undefined) return runNext(turn, key, List([operation]));
  const waiting = queue.waiting.push(operation);
  update(turn, { queues: turn.state.queues.set(key, { ...queue, waiting }) });
};

/** Starts the first batch of what waits that has anything to write. */
const runNext = (turn: ServiceTurn, key: string, waiting: List<Operation>): void => {
  let rest = waiting;
  while (!rest.isEmpty()) {
    const taken = rest.first()?.type === "Append"
      ? rest.takeWhile(({ type }) => type === "Append").take(batchMax)
      : rest.take(1);
    rest = rest.skip(taken.size);
    const planned = plan(turn, spoolOf(turn, key), taken);
    if (planned !== null) return startBatch(turn, key, planned, rest);
  }
  update(turn, { queues: turn.state.queues.delete(key) });
};

const startBatch = (turn: ServiceTurn, key: string, { batch, writes }: Planned, waiting: List<Operation>): void => {
  const id = takeId(turn);
  const { queues, commits, messages, bytes } = turn.state;
  update(turn, {
    queues: queues.set(key, { running: batch, waiting }),
    commits: commits.set(id, key),
    messages: messages + batch.messages,
    bytes: bytes + batch.bytes,
  });
  turn.effects.push({ type: "Commit", id, writes });
};

/** What some operations write; null where they write nothing, and are answered already. */
const plan = (turn: ServiceTurn, spool: Spool | null, operations: List<Operation>): Planned | null => {
  const first = operations.first();
  if (first === undefined) return null;
  switch (first.type) {
    case "Create":
      return planCreate(turn, spool, first);
    case "Append":
      return planAppends(turn, spool, operations as List<Extract<Operation, { type: "Append" }>>);
    case "Purge":
      if (spool === null) answerHeld(turn, first.caller, "unknown-spool");
      return spool === null ? null : planPurge(spool, [{ caller: first.caller, messageId: 0 }]);
    case "Renew":
      return spool === null ? null : planRenew(turn, spool);
    case "Expire":
      return spool === null ? null : planExpire(turn, spool);
    default:
      return absurd(first);
  }
};

const planCreate = (
  turn: ServiceTurn,
  existing: Spool | null,
  { caller, owner, writer }: Extract<Operation, { type: "Create" }>,
): Planned | null => {
  if (existing !== null) {
    answerHeld(turn, caller, "ok", { spool: existing.id });
    return null;
  }
  const { spools, queues, creates, config, epoch } = turn.state;
  const spoolsMade = spools.size + queues.count(({ running }) => running.before === null);
  if (spoolsMade >= config.spoolsMax || creates >= config.createsPerEpochMax) {
    answerHeld(turn, caller, "service-full");
    return null;
  }
  update(turn, { creates: creates + 1 });
  const id = draws(turn.context.seed)(`spool-id/${turn.state.nextId}`).bytes(spoolIdLength);
  const expiryEpoch = epoch + config.spoolLifetimeEpochs;
  const next = newSpool({ id, version: caller.version, owner, writer, expiryEpoch });
  return {
    batch: { next, before: null, answers: [{ caller, messageId: 0 }], messages: 0, bytes: 0 },
    writes: [spoolWrite(next)],
  };
};

const planAppends = (
  turn: ServiceTurn,
  before: Spool | null,
  appends: List<Extract<Operation, { type: "Append" }>>,
): Planned | null => {
  let next = before;
  const answers: Answer[] = [];
  const writes: StoreWrite[] = [];
  for (const { caller, digest } of appends) {
    const known = next?.byDigest.get(digest);
    if (known !== undefined) {
      answers.push({ caller, messageId: known });
      continue;
    }
    const refusal = next === null ? "unknown-spool" : appendRefusal(turn, next, before, caller);
    if (next === null || refusal !== null) {
      answerHeld(turn, caller, refusal ?? "unknown-spool");
      continue;
    }
    const messageId = next.nextMessage;
    const entry = { digest, length: caller.request.message.length, epoch: turn.state.epoch };
    writes.push(...messageWrites(next, messageId, entry, caller.request.message));
    next = withMessage(next, messageId, entry);
    answers.push({ caller, messageId });
  }
  if (next === null || before === null || writes.length === 0) {
    for (const { caller, messageId } of answers) answerHeld(turn, caller, "ok", { messageId });
    return null;
  }
  const messages = next.messages.size - before.messages.size;
  const batch = { next, before, answers, messages, bytes: next.bytes - before.bytes };
  return { batch, writes: [...writes, spoolWrite(next)] };
};

/** Which quota an append breaks. `before` is what the totals count already. */
const appendRefusal = (turn: ServiceTurn, spool: Spool, before: Spool | null, caller: Caller): SpoolStatus | null => {
  const { config, messages, bytes } = turn.state;
  const { length } = caller.request.message;
  if (spool.messages.size >= config.messagesPerSpoolMax) return "spool-full";
  if (spool.bytes + length > config.bytesPerSpoolMax) return "spool-full";
  if (spool.nextMessage > messageIdMax(spool.version)) return "spool-full";
  const added = spool.messages.size - (before?.messages.size ?? 0);
  if (messages + added >= config.messagesMax) return "service-full";
  return bytes + spool.bytes - (before?.bytes ?? 0) + length > config.bytesMax ? "service-full" : null;
};

const planPurge = (before: Spool, answers: ReadonlyArray<Answer>): Planned => ({
  batch: { next: null, before, answers, messages: -before.messages.size, bytes: -before.bytes },
  writes: purgeWrites(before),
});

const planRenew = ({ state }: ServiceTurn, before: Spool): Planned | null => {
  const next = { ...before, expiryEpoch: state.epoch + state.config.spoolLifetimeEpochs };
  if (next.expiryEpoch <= before.expiryEpoch) return null;
  return { batch: { next, before, answers: [], messages: 0, bytes: 0 }, writes: [spoolWrite(next)] };
};

const planExpire = ({ state }: ServiceTurn, before: Spool): Planned | null => {
  if (before.expiryEpoch <= state.epoch) return planPurge(before, []);
  const ids = messagesBefore(before, state.epoch - state.config.messageLifetimeEpochs + 1, trimMax);
  const next = ids.reduce(withoutMessage, before);
  if (next === before) return null;
  const messages = next.messages.size - before.messages.size;
  const batch = { next, before, answers: [], messages, bytes: next.bytes - before.bytes };
  return { batch, writes: deletions(before, ids) };
};

const statusOf = (failure: StoreFailure | null): SpoolStatus =>
  failure === null ? "ok" : failure === "full" ? "disk-full" : "store-failed";

/** The store's answer to a commit; `failure` null where it is durable. Unknown ids change nothing. */
export const committed = (turn: ServiceTurn, id: number, failure: StoreFailure | null): void => {
  const key = turn.state.commits.get(id);
  const queue = key === undefined ? undefined : turn.state.queues.get(key);
  if (key === undefined || queue === undefined) return;
  const { running, waiting } = queue;
  update(turn, { commits: turn.state.commits.delete(id), queues: turn.state.queues.delete(key) });
  if (failure === null) apply(turn, running);
  else undo(turn, running, failure);
  for (const { caller, messageId } of running.answers) {
    const created = caller.request.command === "create" && failure === null ? running.next?.id : undefined;
    answerHeld(turn, caller, statusOf(failure), {
      messageId: failure === null ? messageId : 0,
      ...(created === undefined ? {} : { spool: created }),
    });
  }
  runNext(turn, key, waiting);
};

const apply = (turn: ServiceTurn, { next, before }: Batch): void => {
  const { spools, owners } = turn.state;
  const spool = next ?? before;
  if (spool === null) return;
  const id = toHex(spool.id);
  update(
    turn,
    next === null
      ? { spools: spools.delete(id), owners: owners.delete(ownerKeyOf(spool)) }
      : { spools: spools.set(id, next), owners: owners.set(ownerKeyOf(next), id) },
  );
};

const undo = (turn: ServiceTurn, { messages, bytes }: Batch, failure: StoreFailure): void => {
  update(turn, { messages: turn.state.messages - messages, bytes: turn.state.bytes - bytes });
  turn.effects.push(log("WARNING", "spool-store", "the store did not take a change of a spool", { failure }));
};
