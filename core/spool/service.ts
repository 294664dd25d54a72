/**
 * The spool service: a machine that keeps the messages of clients until their owner reads them (wire-facts §8.4,
 * specs/kaetzchen.rst §3: every operation is idempotent and fits one packet). It answers when what it says is durable.
 * Departures from memspool: see the README.
 *
 * @module
 */
import { toHex, viewOf } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { count, type Effect, type StoreEvent, type Verified } from "../effects.ts";
import { absurd, after, type Context, type Machine, type Tick } from "../machine.ts";
import { epochAt } from "../pki/epoch.ts";
import type { Geometry } from "../sphinx/geometry.ts";
import { decodeMemspoolRequest } from "./memspool.ts";
import { committed, enqueue, trimMax } from "./service_queue.ts";
import { onRestored, onRestoreFailed, startRestoring } from "./service_restore.ts";
import {
  decodeMessage,
  digestOf,
  messageKey,
  messagesBefore,
  type Spool,
  spoolMessagesTable,
} from "./service_spool.ts";
import {
  answer,
  answerHeld,
  type Caller,
  endServiceTurn,
  newServiceState,
  ownerKey,
  ownerKeyOf,
  type ServiceBound,
  type ServiceTurn,
  type SpoolServiceState,
  takeId,
  update,
} from "./service_state.ts";
import {
  spoolGeometry,
  type SpoolRequest,
  type SpoolServiceConfig,
  type SpoolServiceEvent,
  type SpoolStatus,
} from "./service_types.ts";
import { decodeRequest2, signedBytes, type SpoolRequest2, spoolVersion2 } from "./service_wire.ts";

/** Requests that wait for the store: 50 MB. */
const heldMax = 1024;
/** Spools that one sweep looks to the end of; the others are due soon. */
const sweepSpools = 64;
const sweepAgainMs = 100;

export type SpoolServiceMachine = Machine<SpoolServiceConfig, SpoolServiceState, SpoolServiceEvent, Effect>;

/** The machine; it first reads back what the store holds and answers `busy` until then. */
export const createSpoolService = (suite: Suite, geometry: Geometry): SpoolServiceMachine => {
  const bound: ServiceBound = { suite, geometry: spoolGeometry(geometry) };
  return {
    start: (context, config) => {
      const turn: ServiceTurn = { bound, context, state: newServiceState(context, config), effects: [] };
      startRestoring(turn);
      return endServiceTurn(turn);
    },
    step: (context, state, event) => {
      const turn: ServiceTurn = { bound, context, state, effects: [] };
      if (state.restoring === null) sweep(turn, context);
      handle(turn, event);
      return endServiceTurn(turn);
    },
  };
};

const handle = (turn: ServiceTurn, event: SpoolServiceEvent | Tick): void => {
  switch (event.type) {
    case "SpoolRequest":
      return onRequest(turn, event);
    case "Verified":
      return onVerified(turn, event);
    case "Committed":
      return committed(turn, event.id, null);
    case "CommitFailed":
      return committed(turn, event.id, event.reason);
    case "Scanned":
      return turn.state.restoring?.scan === event.id ? onRestored(turn, event.entries) : onRead(turn, event);
    case "ScanFailed":
      return turn.state.restoring?.scan === event.id ? onRestoreFailed(turn, event.reason) : onRead(turn, event);
    case "ReplayTested":
    case "Tick":
      return;
    default:
      return absurd(event);
  }
};

/* Requests */

const zeroRequest: SpoolRequest2 = {
  command: "create",
  spool: new Uint8Array(12),
  messageId: 0,
  epoch: 0,
  publicKey: new Uint8Array(32),
  signature: new Uint8Array(64),
  message: new Uint8Array(0),
};

/** The request that a user payload begins with; null where its length is wrong. */
const requestBytes = ({ bound: { geometry } }: ServiceTurn, payload: Uint8Array): Uint8Array | null => {
  if (payload.length !== geometry.userPayloadLength) return null;
  const length = viewOf(payload).getUint32(0);
  return length <= geometry.requestLengthMax ? payload.subarray(4, 4 + length) : null;
};

const onRequest = (turn: ServiceTurn, { id, payload }: SpoolRequest): void => {
  const bytes = requestBytes(turn, payload);
  const malformed: Caller = { id, version: 2, request: zeroRequest };
  if (bytes === null) return answer(turn, malformed, "malformed");
  const caller = callerOf(turn, id, bytes);
  if (caller === null) return answer(turn, malformed, "malformed");
  if (caller.version === 1 && !turn.state.config.acceptsVersion1) return answer(turn, caller, "version-refused");
  if (turn.state.restoring !== null || turn.state.held >= heldMax) return answer(turn, caller, "busy");
  const tooLong = caller.request.message.length > turn.bound.geometry.messageLengthMax;
  if (tooLong || !isWellFormed(caller)) return answer(turn, caller, "malformed");
  const refusal = epochRefusal(turn, caller);
  if (refusal !== null) return answer(turn, caller, refusal);
  authorise(turn, caller);
};

const callerOf = ({ bound: { geometry } }: ServiceTurn, id: number, bytes: Uint8Array): Caller | null => {
  if (bytes[0] === spoolVersion2) {
    const request = decodeRequest2(geometry, bytes);
    return request === null ? null : { id, version: 2, request };
  }
  const request = decodeMemspoolRequest(bytes);
  return request === null ? null : { id, version: 1, request };
};

/** Keys have their lengths: in version 1 an append has none, in version 2 a create names the writer's. */
const isWellFormed = ({ version, request }: Caller): boolean => {
  if (version === 1) return request.command !== "create" || request.publicKey.length === 32;
  return request.command !== "create" || request.message.length === 32;
};

const epochRefusal = ({ state, context }: ServiceTurn, { version, request }: Caller): SpoolStatus | null => {
  if (version === 1) return null;
  const { epoch } = epochAt(state.config.clock, context.wall);
  return Math.abs((request as SpoolRequest2).epoch - epoch) <= 1 ? null : "wrong-epoch";
};

/** The spool that a request is about; undefined where there is none of its version. */
const spoolOf = ({ state }: ServiceTurn, { version, request }: Caller): Spool | undefined => {
  const spool = state.spools.get(toHex(request.spool));
  return spool?.version === version ? spool : undefined;
};

/** Under which a request has to be signed; null: anybody may make it. Undefined: there is no such spool. */
const signerOf = (turn: ServiceTurn, caller: Caller): Uint8Array | null | undefined => {
  const { command, publicKey } = caller.request;
  if (command === "create") return publicKey;
  const spool = spoolOf(turn, caller);
  return command === "append" ? spool?.writer : spool?.owner;
};

const authorise = (turn: ServiceTurn, caller: Caller): void => {
  const key = signerOf(turn, caller);
  if (key === undefined) return answer(turn, caller, "unknown-spool");
  const hash = turn.bound.suite.sha256(caller.request.message);
  if (key === null) return perform(turn, caller, hash);
  const id = takeId(turn);
  update(turn, { checks: turn.state.checks.set(id, { caller, hash }), held: turn.state.held + 1 });
  const signed = caller.version === 1 ? key : signedBytes(caller.request, hash);
  turn.effects.push({ type: "Verify", id, publicKey: key, message: signed, signature: caller.request.signature });
};

const onVerified = (turn: ServiceTurn, { id, isValid }: Verified): void => {
  const check = turn.state.checks.get(id);
  if (check === undefined) return;
  update(turn, { checks: turn.state.checks.delete(id), held: turn.state.held - 1 });
  if (isValid) perform(turn, check.caller, check.hash);
  else answer(turn, check.caller, "wrong-signature");
};

/** A request whose signature is right. Its spool may have been purged meanwhile; there is never another of its id. */
const perform = (turn: ServiceTurn, caller: Caller, hash: Uint8Array): void => {
  const { command } = caller.request;
  if (command === "create") return create(turn, caller);
  const spool = spoolOf(turn, caller);
  if (spool === undefined) return answer(turn, caller, "unknown-spool");
  switch (command) {
    case "append":
      return enqueue(turn, ownerKeyOf(spool), { type: "Append", caller, digest: digestOf(hash) });
    case "purge":
      return enqueue(turn, ownerKeyOf(spool), { type: "Purge", caller });
    case "retrieve":
      return retrieve(turn, caller, spool);
    default:
      return absurd(command);
  }
};

const create = (turn: ServiceTurn, caller: Caller): void => {
  const owner = caller.request.publicKey;
  const writer = caller.version === 2 ? caller.request.message : null;
  enqueue(turn, ownerKey(caller.version, owner), { type: "Create", caller, owner, writer });
};

/* Reads */

const retrieve = (turn: ServiceTurn, caller: Caller, spool: Spool): void => {
  renew(turn, spool);
  const { messageId } = caller.request;
  if (!spool.messages.has(messageId)) {
    return answer(turn, caller, "not-found", { messageId, end: spool.nextMessage });
  }
  const id = takeId(turn);
  update(turn, { reads: turn.state.reads.set(id, caller), held: turn.state.held + 1 });
  const above = messageKey(spool.id, messageId - 1);
  turn.effects.push({ type: "Scan", id, table: spoolMessagesTable, after: above, limit: 1 });
};

/** Written once in an eighth of a lifetime, so that reading is not writing. */
const renew = (turn: ServiceTurn, spool: Spool): void => {
  const { epoch, config: { spoolLifetimeEpochs }, queues } = turn.state;
  const isFresh = spool.expiryEpoch - epoch > spoolLifetimeEpochs - spoolLifetimeEpochs / 8;
  if (!isFresh && !queues.has(ownerKeyOf(spool))) enqueue(turn, ownerKeyOf(spool), { type: "Renew" });
};

type Read = Extract<StoreEvent, { type: "Scanned" | "ScanFailed" }>;

const onRead = (turn: ServiceTurn, event: Read): void => {
  const caller = turn.state.reads.get(event.id);
  if (caller === undefined) return;
  update(turn, { reads: turn.state.reads.delete(event.id) });
  const { spool: id, messageId } = caller.request;
  const spool = turn.state.spools.get(toHex(id));
  const entry = spool?.messages.get(messageId);
  // Purged or expired while it was read.
  if (spool === undefined) return answerHeld(turn, caller, "unknown-spool");
  if (entry === undefined) return answerHeld(turn, caller, "not-found", { messageId, end: spool.nextMessage });
  const found = event.type === "Scanned" ? event.entries[0] : undefined;
  const isIt = found !== undefined && toHex(found.key) === toHex(messageKey(id, messageId));
  const message = isIt ? decodeMessage(found.value) : null;
  if (message === null || digestOf(turn.bound.suite.sha256(message)) !== entry.digest) {
    turn.effects.push(count("spool-unreadable"));
    return answerHeld(turn, caller, "store-failed", { messageId });
  }
  answerHeld(turn, caller, "ok", { messageId, end: spool.nextMessage, message });
};

/* Expiry */

const sweep = (turn: ServiceTurn, context: Context): void => {
  const { config, epoch: latest } = turn.state;
  const time = epochAt(config.clock, context.wall);
  const epoch = Math.max(latest, time.epoch);
  if (epoch > latest) update(turn, { epoch, creates: 0 });
  else if (context.now < turn.state.sweepAt) return;
  const due = dueSpools(turn.state);
  for (const spool of due) enqueue(turn, ownerKeyOf(spool), { type: "Expire" });
  const more = due.length === sweepSpools || due.some((spool) => expired(turn.state, spool).length === trimMax);
  update(turn, { sweepAt: after(context.now, more ? sweepAgainMs : time.remainingMs) });
};

const expired = ({ epoch, config }: SpoolServiceState, spool: Spool): ReadonlyArray<number> =>
  messagesBefore(spool, epoch - config.messageLifetimeEpochs + 1, trimMax);

const dueSpools = (state: SpoolServiceState): ReadonlyArray<Spool> => {
  const isDue = (spool: Spool): boolean => spool.expiryEpoch <= state.epoch || expired(state, spool).length > 0;
  const due: Spool[] = [];
  for (const spool of state.spools.values()) {
    if (due.length === sweepSpools) break;
    if (!state.queues.has(ownerKeyOf(spool)) && isDue(spool)) due.push(spool);
  }
  return due;
};
