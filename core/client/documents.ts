/**
 * The documents that a client goes by (specs/pki.rst §2.1, §8, wire-facts §5.7): that of this epoch and, from P/8
 * before its end, that of the next. Connected, the client asks its own Provider; where the Provider cannot answer, and
 * before there is a connection, an authority. Whoever it comes from, a document counts for the authorities' signatures
 * alone.
 *
 * The next document is fetched at a random moment of the first half of that last eighth, so that clients do not all
 * come at once. Only for an epoch that has begun does a connected client turn to an authority, in turn with its
 * Provider. For P/10 into an epoch without its document the last one stays in force: its descriptors hold the keys.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { PersistentSet } from "../collections/set.ts";
import { equal } from "../bytes.ts";
import { log, tell } from "../effects.ts";
import { E } from "../fp.ts";
import { after, type Mono } from "../machine.ts";
import { decodeCertificate } from "../pki/cert.ts";
import type { DirectoryReport, DirectoryRequest } from "../pki/directory.ts";
import { type Document, providerByName, servicesOf, verifyDocument } from "../pki/document.ts";
import { epochAt, scheduleOf } from "../pki/epoch.ts";
import { uniformUnit } from "../random.ts";
import { consensusStatus } from "../wire/commands.ts";
import type { SessionRequest } from "../wire/session.ts";
import type { DocumentRefusal } from "./events.ts";
import { type ClientState, type Documents, notify, type Turn, update } from "./state.ts";
import { loopCapability } from "./traffic.ts";

/** Where the directory machine of a client lives. */
export const directoryAddress = "directory";

export const emptyDocuments = (now: Mono): Documents => ({
  held: PersistentMap(),
  abandoned: PersistentSet(),
  inForce: null,
  asking: null,
  checkAt: now,
  failures: 0,
  stagger: 0,
});

const setDocuments = (turn: Turn, change: Partial<Documents>): void =>
  update(turn, { documents: { ...turn.state.documents, ...change } });

/** Looks, when it is time, which document is in force and which is missing, and asks for one that is. */
export const checkDocuments = (turn: Turn): void => {
  const { documents, config, stopped } = turn.state;
  const { now, wall } = turn.context;
  if (stopped || documents.checkAt > now) return;
  prune(turn);
  takeInForce(turn);
  const wanted = wantedEpoch(turn);
  if (wanted !== null && turn.state.documents.asking === null) ask(turn, wanted);
  const { remainingMs } = epochAt(config.clock, wall);
  const fetchInMs = remainingMs - fetchMs(turn);
  const nextMs = Math.min(scheduleOf(config.clock).recheckMs, remainingMs, fetchInMs > 0 ? fetchInMs : remainingMs);
  setDocuments(turn, { checkAt: after(now, Math.ceil(nextMs)) });
};

/** How long before the end of an epoch the next document is wanted. */
const fetchMs = ({ state }: Turn): number => scheduleOf(state.config.clock).fetchMs * (1 - state.documents.stagger / 2);

/** Epochs from the last to the next are kept, so at most three documents. */
const prune = (turn: Turn): void => {
  const { held, abandoned } = turn.state.documents;
  const { epoch } = epochAt(turn.state.config.clock, turn.context.wall);
  const isNear = (other: number): boolean => other >= epoch - 1 && other <= epoch + 1;
  setDocuments(turn, {
    held: held.filter((_, other) => isNear(other)),
    abandoned: abandoned.filter(isNear),
  });
};

const takeInForce = (turn: Turn): void => {
  const { held, inForce } = turn.state.documents;
  const { epoch, elapsedMs } = epochAt(turn.state.config.clock, turn.context.wall);
  const last = elapsedMs < scheduleOf(turn.state.config.clock).keyGraceMs ? held.get(epoch - 1) : undefined;
  const document = (held.get(epoch) ?? last)?.document ?? null;
  if (document === inForce) return;
  setDocuments(turn, { inForce: document });
  if (document !== null) notify(turn, { type: "NewDocument", document });
};

const wantedEpoch = (turn: Turn): number | null => {
  const { held, abandoned } = turn.state.documents;
  const { epoch, remainingMs } = epochAt(turn.state.config.clock, turn.context.wall);
  const isMissing = (other: number): boolean => !held.has(other) && !abandoned.has(other);
  if (isMissing(epoch)) return epoch;
  return remainingMs <= fetchMs(turn) && isMissing(epoch + 1) ? epoch + 1 : null;
};

const ask = (turn: Turn, epoch: number): void => {
  const { link, config, documents } = turn.state;
  const { now, wall } = turn.context;
  const isUrgent = epoch === epochAt(config.clock, wall).epoch;
  if (link.type === "Up" && !(isUrgent && documents.failures % 2 === 1)) {
    setDocuments(turn, { asking: { epoch, from: "provider", deadline: after(now, config.timing.answerMs) } });
    const request: SessionRequest = { type: "Send", command: { type: "GetConsensus", epoch } };
    turn.effects.push(tell(link.session, request));
  } else {
    setDocuments(turn, { asking: { epoch, from: "directory", deadline: null } });
    turn.effects.push(tell(directoryAddress, { type: "Fetch", epoch } satisfies DirectoryRequest));
  }
};

/** The Provider's answer; false where it was not asked. */
export const onConsensus = (turn: Turn, status: number, raw: Uint8Array): boolean => {
  const { asking } = turn.state.documents;
  if (asking === null || asking.from !== "provider") return false;
  if (status !== consensusStatus.ok) {
    onNoDocument(turn, asking.epoch, `provider-status-${status}`, false);
    return true;
  }
  const authorities = turn.state.config.authorities.map(({ identityKey }) => identityKey);
  const nowSeconds = Math.floor(turn.context.wall / 1000);
  const verified = verifyDocument(turn.kit.suite, { authorities }, raw, { epoch: asking.epoch, nowSeconds });
  if (E.isLeft(verified)) onNoDocument(turn, asking.epoch, `provider-${verified.left}`, false);
  else onDocument(turn, raw, verified.right);
  return true;
};

/** The directory machine's answer. */
export const onDirectory = (turn: Turn, { report }: DirectoryReport): void => {
  if (report.type === "Document") onDocument(turn, report.raw, report.document);
  if (report.type === "FetchFailed") onNoDocument(turn, report.epoch, report.reason, report.reason === "gone");
};

/**
 * `forGood` counts only for an epoch that has begun: authorities whose clocks are ahead, or that are still at work, say
 * `gone` of the next one as well.
 */
const onNoDocument = (turn: Turn, epoch: number, reason: string, forGood: boolean): void => {
  const { abandoned, failures } = turn.state.documents;
  const isOver = forGood && epoch <= epochAt(turn.state.config.clock, turn.context.wall).epoch;
  setDocuments(turn, { asking: null, failures: failures + 1, abandoned: isOver ? abandoned.add(epoch) : abandoned });
  turn.effects.push(log("INFO", "client-no-document", "There is no document yet.", { epoch, detail: reason }));
};

/** A verified document: kept, unless there is an objection to it. */
const onDocument = (turn: Turn, raw: Uint8Array, document: Document): void => {
  const { asking, abandoned, held } = turn.state.documents;
  const { epoch } = document;
  if (asking?.epoch === epoch) setDocuments(turn, { asking: null, failures: 0 });
  if (abandoned.has(epoch)) return;
  const digest = turn.kit.suite.sha256(signedPart(raw));
  const before = held.get(epoch);
  if (before !== undefined && equal(before.digest, digest)) return;
  const refusal = before !== undefined ? "equivocation" : objection(turn, document);
  if (refusal === null) setDocuments(turn, { held: held.set(epoch, { document, digest }), stagger: drawStagger(turn) });
  else refuse(turn, epoch, refusal);
  setDocuments(turn, { checkAt: turn.context.now });
};

const drawStagger = (turn: Turn): number => 1 - uniformUnit(turn.draw("documents/stagger"));

const signedPart = (raw: Uint8Array): Uint8Array => {
  const certificate = decodeCertificate(raw);
  return E.isLeft(certificate) ? raw : certificate.right.certified;
};

const refusals: Readonly<Record<DocumentRefusal, string>> = {
  equivocation: "it is a second one for its epoch",
  "provider-without-loop": "a Provider in it has no loop service",
  "too-many-layers": "it has more layers than a packet has hops",
  "own-provider-missing": "our Provider is not in it",
  "pin-mismatch": "it names another key of our Provider than our configuration",
};

const refuse = (turn: Turn, epoch: number, reason: DocumentRefusal): void => {
  const { held, abandoned } = turn.state.documents;
  setDocuments(turn, { held: held.delete(epoch), abandoned: abandoned.add(epoch) });
  notify(turn, { type: "DocumentRefused", epoch, reason });
  // A Provider that was down for the vote comes back; whatever else is refused, somebody has done wrong.
  const level = reason === "own-provider-missing" ? "WARNING" : "ERROR";
  const message = `The document is refused: ${refusals[reason]}. Nothing is sent in its epoch.`;
  turn.effects.push(log(level, `client-document-${reason}`, message, { epoch }));
};

/** Why a client of this account cannot use a document, or null. */
export const objection = ({ state, kit }: Turn, document: Document): DocumentRefusal | null => {
  const { config } = state;
  const withLoop = new Set(servicesOf(document, loopCapability).map(({ provider }) => provider));
  if (!document.providers.every((provider) => withLoop.has(provider))) return "provider-without-loop";
  // Own Provider, a mix of each layer, another Provider.
  if (document.topology.length + 2 > kit.geometry.hops) return "too-many-layers";
  const own = providerByName(document, config.provider);
  if (own === null) return "own-provider-missing";
  const pin = config.providerKeyPin;
  return pin !== null && !equal(pin, own.identityKey) ? "pin-mismatch" : null;
};

/** The connection is gone or new: what the Provider was asked is forgotten, and what is missing asked for again. */
export const onLinkChanged = (turn: Turn): void => {
  const { asking } = turn.state.documents;
  setDocuments(turn, { asking: asking?.from === "provider" ? null : asking, checkAt: turn.context.now });
};

export const isDocumentOverdue = ({ documents }: ClientState, now: Mono): boolean =>
  documents.asking !== null && documents.asking.deadline !== null && documents.asking.deadline <= now;
