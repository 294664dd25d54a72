/**
 * When a non-voting authority makes a document and what it puts in it (wire-facts §5.6; the Go set of 2020).
 *
 * The document of the next epoch is made once less than half of this one is left and there are enough descriptors; that
 * of the current one only when the authority was started without it in this epoch or the last, once every listed node
 * has posted. It is signed once: the same bytes go to the store until it has them, and only then to anybody else.
 *
 * Shared random values are zeros, as in Go. Departures: Providers and mixes are sorted by identity key before anything
 * is drawn, where Go takes the order of its maps; mixes are placed anew where the number of layers was changed; no
 * document is made while a descriptor for its epoch is still being written.
 *
 * @module
 */
import { concat, uint64 } from "../bytes.ts";
import { log, type StoreFailure } from "../effects.ts";
import { E } from "../fp.ts";
import { after, type Mono } from "../machine.ts";
import { draws } from "../random.ts";
import { secondsOf } from "./authority_state.ts";
import { areEnough, sortNodes } from "./authority_tally.ts";
import { sign } from "./cert.ts";
import { certificateExpiration } from "./descriptor.ts";
import { encodeDocument, verifyDocument } from "./document.ts";
import { epochStart, scheduleOf } from "./epoch.ts";
import { descriptorsTable, documentsTable, storedVersion } from "./nonvoting_restore.ts";
import { descriptorsOf, emit, takeId, type Turn, update } from "./nonvoting_state.ts";
import { generateTopology } from "./topology.ts";

/** Epochs before the current one whose documents are kept and given out. */
const keptPast = 3;

const zeroValue = new Uint8Array(32);

/** Does what the time and the descriptors allow: makes a document, forgets old epochs. */
export const runSchedule = (turn: Turn): void => {
  if (turn.state.restoring === null) {
    tellMissing(turn);
    const epoch = dueEpoch(turn);
    if (epoch !== null) makeDocument(turn, epoch);
    prune(turn);
  }
  update(turn, { scheduleAt: scheduleDeadline(turn) });
};

/** The epoch whose document can be made now. */
const dueEpoch = ({ state, time: { epoch, remainingMs } }: Turn): number | null => {
  const { config, bootstrapEpoch, documents, signed, retryAt, listed } = state;
  if (signed !== null || retryAt !== null) return null;
  const isBootstrap = epoch === bootstrapEpoch || epoch - 1 === bootstrapEpoch;
  const isComplete = descriptorsOf(state, epoch).size === listed.mixes.size + listed.providers.size;
  if (isBootstrap && isComplete && !documents.has(epoch) && hasEnough(state, epoch)) return epoch;
  const next = epoch + 1;
  const isWriting = state.enrolling.some((one) => one.epoch === next);
  const isDue = remainingMs < config.clock.periodMs / 2 && !documents.has(next) && !isWriting;
  return isDue && hasEnough(state, next) ? next : null;
};

const hasEnough = (state: Turn["state"], epoch: number): boolean =>
  areEnough(sortNodes(descriptorsOf(state, epoch).values()), state.config);

const expirationOf = ({ context, state: { config } }: Turn, epoch: number): number =>
  config.certificateExpiration === "go"
    ? certificateExpiration(config.clock, context.wall)
    : Math.ceil(epochStart(config.clock, epoch + 4) / 1000);

const makeDocument = (turn: Turn, epoch: number): void => {
  const { suite, context, state } = turn;
  const { config, identityKey, genesisEpoch } = state;
  const { mixes, providers } = sortNodes(descriptorsOf(state, epoch).values());
  const previous = state.documents.get(epoch - 1)?.document.topology ?? null;
  const drawn = draws(context.seed)("topology").bytes(32);
  const fields = {
    epoch,
    genesisEpoch,
    parameters: config.parameters,
    topology: generateTopology(suite, mixes, config.layers, drawn, previous).map((layer) =>
      layer.map(({ raw }) => raw)
    ),
    providers: providers.map(({ raw }) => raw),
    sharedRandomCommit: new Uint8Array(0),
    sharedRandomValue: zeroValue,
    priorSharedRandom: [zeroValue, zeroValue],
  };
  const raw = sign(suite, config.identityPrivate, encodeDocument(fields), expirationOf(turn, epoch));
  const nowSeconds = secondsOf(context.wall);
  const verified = verifyDocument(suite, { authorities: [identityKey] }, raw, { epoch, nowSeconds });
  if (E.isLeft(verified)) {
    emit(
      turn,
      log("ERROR", "no-consensus", `The document for epoch ${epoch} would be refused: ${verified.left}`, { epoch }),
    );
    return tryAgainLater(turn);
  }
  update(turn, { signed: { document: verified.right, raw, id: null } });
  storeDocument(turn);
};

const storeDocument = (turn: Turn): void => {
  const { signed } = turn.state;
  if (signed === null || signed.id !== null) return;
  const id = takeId(turn);
  update(turn, { signed: { ...signed, id } });
  const value = concat(Uint8Array.of(storedVersion), signed.raw);
  emit(turn, { type: "Commit", id, writes: [{ table: documentsTable, key: uint64(signed.document.epoch), value }] });
};

const tryAgainLater = (turn: Turn): void =>
  update(turn, { retryAt: after(turn.context.now, scheduleOf(turn.state.config.clock).recheckMs) });

/** The store has the document: it is given out from now on. */
export const onDocumentStored = (turn: Turn, failure: StoreFailure | null): void => {
  const signed = turn.state.signed!;
  const { document, raw } = signed;
  const { epoch, topology, providers } = document;
  if (failure !== null) {
    update(turn, { signed: { ...signed, id: null } });
    emit(
      turn,
      log("WARNING", "store-failed", `The document for epoch ${epoch} could not be kept: ${failure}`, {
        epoch,
        failure,
      }),
    );
    return tryAgainLater(turn);
  }
  update(turn, { signed: null, documents: turn.state.documents.set(epoch, { document, raw }) });
  const fields = { epoch, signatures: 1, of: 1, mixes: topology.flat().length, providers: providers.length };
  emit(
    turn,
    log(
      "NOTICE",
      "consensus",
      `Document for epoch ${epoch} with ${fields.mixes} mixes and ${fields.providers} Providers`,
      fields,
    ),
  );
};

/** What a failing store left to do. */
export const retryDue = (turn: Turn): void => {
  const { retryAt } = turn.state;
  if (retryAt === null || retryAt > turn.context.now) return;
  update(turn, { retryAt: null });
  storeDocument(turn);
};

/* Old epochs */

const prune = (turn: Turn): void => {
  const { documents, descriptors, pruning, retryAt } = turn.state;
  const before = turn.time.epoch - keptPast;
  if (pruning !== null || retryAt !== null) return;
  const oldDocuments = [...documents.keys()].filter((epoch) => epoch < before);
  const oldDescriptors = [...descriptors].filter(([epoch]) => epoch < before);
  if (oldDocuments.length + oldDescriptors.length === 0) return;
  const id = takeId(turn);
  update(turn, { pruning: { id, before } });
  const writes = [
    ...oldDocuments.map((epoch) => ({ table: documentsTable, key: uint64(epoch), value: null })),
    ...oldDescriptors.flatMap(([epoch, nodes]) =>
      [...nodes.values()].map(({ identityKey }) => ({
        table: descriptorsTable,
        key: concat(uint64(epoch), identityKey),
        value: null,
      }))
    ),
  ];
  emit(turn, { type: "Commit", id, writes });
};

/** Forgotten here as well, so that what a failing store keeps is deleted by another attempt. */
export const onPruned = (turn: Turn, failure: StoreFailure | null): void => {
  const { documents, descriptors } = turn.state;
  const { before } = turn.state.pruning!;
  update(turn, { pruning: null });
  if (failure !== null) {
    emit(turn, log("WARNING", "store-failed", `Old epochs could not be deleted: ${failure}`, { failure }));
    return tryAgainLater(turn);
  }
  update(turn, {
    documents: documents.filter((_, epoch) => epoch >= before),
    descriptors: descriptors.filter((_, epoch) => epoch >= before),
  });
};

/* The time */

/** The middle of the epoch and its end. A deadline stays what it is unless it has passed or the wall clock was set. */
const scheduleDeadline = ({ context, time: { elapsedMs, remainingMs }, state: { config, scheduleAt } }: Turn): Mono => {
  const untilMiddle = Math.floor(config.clock.periodMs / 2) + 1 - elapsedMs;
  const due = after(context.now, Math.max(1, Math.ceil(untilMiddle > 0 ? untilMiddle : remainingMs)));
  const isKept = scheduleAt > context.now && Math.abs(scheduleAt - due) < 1000;
  return isKept ? scheduleAt : due;
};

/** Tells once in each half of an epoch that there is no document because of nodes that have not posted. */
const tellMissing = (turn: Turn): void => {
  const { state, time: { epoch, remainingMs } } = turn;
  const isClosing = remainingMs < state.config.clock.periodMs / 2;
  const { seen } = state;
  if (seen?.epoch === epoch && seen.isClosing === isClosing) return;
  update(turn, { seen: { epoch, isClosing } });
  const wanted = isClosing ? epoch + 1 : epoch;
  if (seen === null || state.documents.has(wanted) || (isClosing && hasEnough(state, wanted))) return;
  const posted = descriptorsOf(state, wanted);
  const missing = [
    ...[...state.listed.mixes].filter((mix) => !posted.has(mix)).map((mix) => mix.slice(0, 16)),
    ...[...state.listed.providers].filter(([provider]) => !posted.has(provider)).map(([, name]) => name),
  ];
  const isOpen = isClosing || state.bootstrapEpoch === epoch || state.bootstrapEpoch === epoch - 1;
  const message = `No document for epoch ${wanted}${isOpen ? " yet" : ""}; missing ${missing.join(", ") || "none"}`;
  emit(turn, log("WARNING", "no-consensus", message, { epoch: wanted, missingDescriptors: missing }));
};
