/**
 * What a node does by the clock (specs/pki.rst §2.1.2, wire-facts §5.7): rotate keys, fetch documents, publish
 * descriptors, keep its connections those of the documents. It runs at each boundary of its windows, and again after a
 * fraction of the period.
 *
 * Departures from the Go code: fetching the next document begins at 7P/8 as the document says (D22), staggered;
 * publishing ends at P/2, when the authorities stop listening.
 *
 * @module
 */
import { count, log, tell } from "../effects.ts";
import { after } from "../machine.ts";
import { providerLayer } from "../pki/descriptor.ts";
import type { DirectoryReport } from "../pki/directory.ts";
import { uniformInteger } from "../random.ts";
import { armDecoys, sweepDecoys } from "./decoy.ts";
import { missingDocuments, pruneDocuments } from "./documents.ts";
import { expiredKeys, forgetKey } from "./keys.ts";
import { restartWaits, updateLinks } from "./links.ts";
import { neighboursIn } from "./neighbours.ts";
import { ensureKeys, keepAgain, onPublished, prunePublications, publish } from "./publication.ts";
import { emit, takeId, type Turn, update } from "./turn.ts";

/** Runs the schedule when its time has come. */
export const runScheduleDue = (turn: Turn): void => {
  const { schedule } = turn.state.deadlines;
  if (schedule !== null && schedule <= turn.context.now) runSchedule(turn);
};

export const runSchedule = (turn: Turn): void => {
  const { epoch } = turn.time;
  const isNew = turn.state.epoch !== epoch;
  if (isNew) enterEpoch(turn);
  ensureKeys(turn, epoch);
  keepAgain(turn);
  destroyExpiredKeys(turn);
  prunePublications(turn);
  update(turn, { documents: pruneDocuments(turn.state.documents, epoch) });
  fetchMissing(turn);
  publishDue(turn);
  updateLinks(turn);
  armDecoys(turn);
  sweepDecoys(turn);
  scheduleNext(turn);
};

/** A key and its replay tags go together (specs/mixnet.rst §4.3, specs/sphinx_replay_detection.rst §4.2). */
const destroyExpiredKeys = (turn: Turn): void => {
  const { keys, schedule } = turn.state;
  for (const epoch of expiredKeys(keys, turn.time, schedule.keyGraceMs)) {
    const { privateKey } = keys.get(epoch)!;
    turn.bound.suite.forget(privateKey);
    turn.consumed.push(privateKey);
    update(turn, { keys: turn.state.keys.delete(epoch) });
    emit(turn, ...forgetKey(epoch, () => takeId(turn)));
  }
};

/** The next document is fetched when less than this remains: not by all nodes at once. */
const fetchWindowMs = ({ state: { schedule, staggerMs } }: Turn): number => schedule.fetchMs - staggerMs;

const fetchMissing = (turn: Turn): void => {
  const { documents, fetching } = turn.state;
  for (const epoch of missingDocuments(documents, turn.time, turn.time.remainingMs <= fetchWindowMs(turn))) {
    if (fetching.has(epoch)) continue;
    update(turn, { fetching: turn.state.fetching.set(epoch, true) });
    emit(turn, tell("directory", { type: "Fetch", epoch }));
  }
};

/**
 * For the current epoch, which helps only a node that has just started; for the next while the authorities take it.
 * Not before it is known which plugins run: what is signed is not signed again.
 */
export const publishDue = (turn: Turn): void => {
  if (turn.state.plugins.settling.size > 0) return;
  const { epoch, remainingMs } = turn.time;
  publish(turn, epoch);
  if (remainingMs > turn.state.schedule.publishMs) publish(turn, epoch + 1);
};

/** Peers may take now what they refused before. */
const enterEpoch = (turn: Turn): void => {
  const staggerMs = uniformInteger(turn.draw("stagger"), Math.ceil(turn.state.schedule.recheckMs));
  update(turn, { epoch: turn.time.epoch, staggerMs });
  restartWaits(turn);
  logLayer(turn);
};

const logLayer = (turn: Turn): void => {
  const { epoch } = turn.time;
  const known = turn.state.documents.known.get(epoch);
  if (known === undefined) return;
  if (known.neighbours === null) {
    return emit(turn, log("WARNING", "unlisted", `not listed in the document of epoch ${epoch}`, { epoch }));
  }
  const { layer } = known.neighbours;
  const place = layer === providerLayer ? "Provider" : `mix of layer ${layer}`;
  emit(turn, log("INFO", "layer", `${place} in epoch ${epoch}`, { epoch, layer }));
};

/** The next boundary of a window, and at the latest the next recheck. */
const scheduleNext = (turn: Turn): void => {
  const { schedule, deadlines } = turn.state;
  const { elapsedMs, remainingMs } = turn.time;
  const waits = [
    schedule.recheckMs,
    remainingMs,
    schedule.keyGraceMs - elapsedMs,
    remainingMs - schedule.earlyConnectMs,
    remainingMs - fetchWindowMs(turn),
  ];
  const waitMs = Math.min(...waits.filter((ms) => ms > 0));
  update(turn, { deadlines: { ...deadlines, schedule: after(turn.context.now, waitMs) } });
};

/* What the directory answers */

export const onDirectory = (turn: Turn, report: DirectoryReport["report"]): void => {
  switch (report.type) {
    case "Document":
      return onDocument(turn, report);
    case "FetchFailed":
      return onFetchFailed(turn, report);
    case "Published":
      return onPublished(turn, report);
  }
};

const onDocument = (
  turn: Turn,
  { epoch, raw, document }: Extract<DirectoryReport["report"], { type: "Document" }>,
): void => {
  const { identity, config, documents, fetching } = turn.state;
  const neighbours = neighboursIn(document, identity.id, config.isProvider);
  const known = documents.known.set(epoch, { document, raw, neighbours });
  update(turn, {
    documents: pruneDocuments({ ...documents, known }, turn.time.epoch),
    fetching: fetching.delete(epoch),
  });
  emit(turn, count("documents"), log("INFO", "document", `document of epoch ${epoch}`, { epoch }));
  if (epoch === turn.time.epoch) logLayer(turn);
  updateLinks(turn);
  armDecoys(turn);
};

const onFetchFailed = (
  turn: Turn,
  { epoch, reason }: Extract<DirectoryReport["report"], { type: "FetchFailed" }>,
): void => {
  const { documents, fetching } = turn.state;
  // A consensus may be late: the next one is asked for again until its epoch has begun.
  const isFinal = reason === "gone" && epoch <= turn.time.epoch;
  const gone = isFinal ? documents.gone.set(epoch, true) : documents.gone;
  update(turn, { documents: { ...documents, gone }, fetching: fetching.delete(epoch) });
  const level = reason === "invalid" ? "WARNING" : epoch === turn.time.epoch ? "INFO" : "DEBUG";
  emit(
    turn,
    count("documents-missed", reason),
    log(level, "no-document", `no document of epoch ${epoch}: ${reason}`, { epoch, cause: reason }),
  );
};
