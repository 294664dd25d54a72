/**
 * Decoy loops of mixes and Providers (drafts/decoy_traffic.rst §2, §6; wire-facts §6.7): at the rate lambdaM a packet
 * to the loop service of a random Provider, whose reply comes back here. What does not come back is counted by epoch:
 * loops that get lost are the sign of somebody who holds packets back.
 *
 * In Go only mixes send them. SURB ids are random: Go's start with the process's start time, which nobody needs.
 *
 * @module
 */
import { equalConstantTime, toHex, utf8 } from "../bytes.ts";
import { count, log } from "../effects.ts";
import { E } from "../fp.ts";
import { after } from "../machine.ts";
import { exponentialMs, shuffle } from "../random.ts";
import { newPacket } from "../sphinx/build.ts";
import { padRecipient } from "../sphinx/commands.ts";
import { recipientLength } from "../sphinx/geometry.ts";
import { type Path, selectPath } from "../sphinx/path.ts";
import { encodeForwardPayload } from "../sphinx/payload.ts";
import { freshSurbId, newSurb, openSurbReply } from "../sphinx/surb.ts";
import type { Classified } from "./classify.ts";
import { type Decoys, finishLoop, type Loop, withLoop } from "./decoy_state.ts";
import type { KnownDocument } from "./documents.ts";
import { sendPacket } from "./forward.ts";
import { countPacket, dropPacket, emit, type Turn, update } from "./turn.ts";

/** Loops that may be on their way: with more, something is wrong with the rates. */
const pendingMax = 4096;
/** An epoch's loops are judged by this many or more. */
const judgedMin = 10;

const setDecoys = (turn: Turn, parts: Partial<Decoys>): void =>
  update(turn, { decoys: { ...turn.state.decoys, ...parts } });

/** Draws whom replies are for. */
export const startDecoys = (turn: Turn): void =>
  setDecoys(turn, { recipient: turn.draw("decoy recipient").bytes(recipientLength) });

/** The document by which loops are sent now, or null while none shall be. */
const documentForLoops = ({ state, time }: Turn): KnownDocument | null => {
  const known = state.documents.known.get(time.epoch);
  if (!state.config.sendDecoyTraffic || known === undefined || known.neighbours === null) return null;
  return known.document.parameters.lambdaM > 0 ? known : null;
};

/** Sets the time of the next loop, or none. What is set stays: exponential waits have no memory. */
export const armDecoys = (turn: Turn): void => {
  const known = documentForLoops(turn);
  if (known === null) setDecoys(turn, { sendAt: null });
  else if (turn.state.decoys.sendAt === null) setNext(turn, known);
};

const setNext = (turn: Turn, { document: { parameters } }: KnownDocument): void => {
  const waitMs = exponentialMs(turn.draw("decoy wait"), parameters.lambdaM, parameters.lambdaMMaxDelayMs);
  setDecoys(turn, { sendAt: after(turn.context.now, waitMs) });
};

/** Sends a loop when its time has come, and sets the next. */
export const sendLoopDue = (turn: Turn): void => {
  const { sendAt, pending } = turn.state.decoys;
  if (sendAt === null || sendAt > turn.context.now) return;
  const known = documentForLoops(turn);
  if (known === null) return setDecoys(turn, { sendAt: null });
  if (pending.size < pendingMax) sendLoop(turn, known);
  setNext(turn, known);
};

/** A random Provider with a loop service, and the service's recipient. */
const loopService = (
  turn: Turn,
  { document }: KnownDocument,
): { readonly provider: Uint8Array; readonly recipient: Uint8Array } | null => {
  for (const { identityKey, kaetzchen } of shuffle(turn.draw("decoy destination"), document.providers)) {
    const endpoint = kaetzchen?.get("loop")?.get("endpoint");
    const recipient = typeof endpoint === "string" ? padRecipient(utf8(endpoint)) : null;
    if (recipient !== null) return { provider: identityKey, recipient };
  }
  return null;
};

/** A loop whose first hop is not connected is not sent: it would only look like a loss. */
const sendLoop = (turn: Turn, known: KnownDocument): void => {
  const surbId = freshSurbId(turn.draw("decoy surb id"), turn.state.decoys.pending);
  const path = loopPath(turn, known, surbId);
  const firstHop = path === null ? "" : toHex(path.forward[0]!.id);
  if (path === null || turn.state.links.byId.get(firstHop)?.phase.type !== "up") {
    return emit(turn, count("loops-skipped"));
  }
  const built = buildLoop(turn, path);
  if (built === null) return emit(turn, count("loops-skipped"));
  const expectedBy = after(turn.context.now, path.totalDelayMs + turn.state.config.limits.decoySlackMs);
  const loop: Loop = { keys: built.keys, expectedBy, epoch: turn.time.epoch };
  update(turn, { decoys: withLoop(turn.state.decoys, toHex(surbId), loop) });
  emit(turn, count("loops-sent"));
  countPacket(turn, "created");
  sendPacket(turn, firstHop, built.packet);
};

const loopPath = (turn: Turn, known: KnownDocument, surbId: Uint8Array): Path | null => {
  const service = loopService(turn, known);
  const { recipient } = turn.state.decoys;
  if (service === null || recipient === null) return null;
  const where = { clock: turn.state.config.clock, document: known.document, at: turn.context.wall };
  const path = selectPath(turn.draw("decoy path"), where, {
    from: "node",
    source: turn.state.identity.key,
    destination: service.provider,
    recipient: service.recipient,
    reply: { surbId, recipient },
  });
  return E.isLeft(path) ? null : path.right;
};

const buildLoop = (
  { bound, draw }: Turn,
  { forward, reply }: Path,
): { readonly packet: Uint8Array; readonly keys: Uint8Array } | null => {
  if (reply === null) return null;
  const surb = newSurb(bound, { r: draw("decoy surb"), filler: draw("decoy surb filler") }, reply);
  if (E.isLeft(surb)) return null;
  const payload = encodeForwardPayload(bound.geometry, surb.right.surb, new Uint8Array(0));
  if (E.isLeft(payload)) return null;
  const packet = newPacket(
    bound,
    { r: draw("decoy packet"), filler: draw("decoy packet filler") },
    forward,
    payload.right,
  );
  return E.isLeft(packet) ? null : { packet: packet.right, keys: surb.right.keys };
};

/** Takes a reply that is for this node's decoys: delivered if it is one. False where it is for somebody else. */
export const acceptDecoyReply = (turn: Turn, reply: Extract<Classified, { type: "SurbReply" }>): boolean => {
  const { decoys } = turn.state;
  if (decoys.recipient === null || !equalConstantTime(decoys.recipient, reply.recipient)) return false;
  const surbId = toHex(reply.surbId);
  const loop = decoys.pending.get(surbId);
  if (loop === undefined) dropPacket(turn, "decoy-unknown");
  else if (openSurbReply(turn.bound, loop.keys, reply.payload) === null) dropPacket(turn, "decoy-garbled");
  else {
    countPacket(turn, "delivered");
    finish(turn, surbId, loop, "returned");
  }
  return true;
};

const finish = (turn: Turn, surbId: string, loop: Loop, how: "returned" | "lost"): void => {
  update(turn, { decoys: finishLoop(turn.state.decoys, surbId, loop, how) });
  turn.consumed.push(loop.keys);
  emit(turn, count(`loops-${how}`));
};

/** Counts what has not come back in time, and closes the books of epochs whose loops are all accounted for. */
export const sweepDecoys = (turn: Turn): void => {
  for (const [surbId, loop] of turn.state.decoys.pending) {
    if (loop.expectedBy < turn.context.now) finish(turn, surbId, loop, "lost");
  }
  const { pending, byEpoch } = turn.state.decoys;
  for (const [epoch, { sent, returned, lost }] of byEpoch) {
    if (epoch === turn.time.epoch || pending.some((loop) => loop.epoch === epoch)) continue;
    const level = sent >= judgedMin && returned * 2 < sent ? "WARNING" : "INFO";
    emit(
      turn,
      log(level, "loops", `${returned} of ${sent} loops of epoch ${epoch} came back`, { epoch, sent, returned, lost }),
    );
    setDecoys(turn, { byEpoch: turn.state.decoys.byEpoch.delete(epoch) });
  }
};
