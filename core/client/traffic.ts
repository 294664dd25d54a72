/**
 * The traffic of a client, idle or busy: three Poisson processes (drafts/decoy_traffic.rst §2, §4, §5, wire-facts §7).
 *
 * - lambdaP: the next packet of the egress FIFO, or a drop decoy where there is none;
 * - lambdaL: a loop decoy, a query with a SURB to a `loop` service;
 * - lambdaD: a drop decoy, the same without a SURB.
 *
 * Nothing is sent while there is no connection or no document. A rate of 0 is legal and turns its process off. Each
 * decoy goes to one of all Providers' loop services, drawn uniformly. With decoys off (`DisableDecoyTraffic`) lambdaP
 * alone runs, and has nothing to send when the FIFO is empty.
 *
 * A drop decoy brings no reply where a query does, so the own Provider can count its user's exchanges; the Go client of
 * 2020 filled lambdaP with loops instead and left lambdaD out. This one does as the draft says.
 *
 * @module
 */
import { count } from "../effects.ts";
import { earliest, type Mono } from "../machine.ts";
import type { Document } from "../pki/document.ts";
import type { QueryTarget } from "./events.ts";
import { sendDecoy, sendFirst } from "./egress.ts";
import { afterTurn, createPoisson, reconcile } from "./poisson.ts";
import { addTally, type ClientState, type ProcessName, type Traffic, type Turn, update } from "./state.ts";
import { hasRoom } from "./surbs.ts";

const processes: ReadonlyArray<ProcessName> = ["lambdaP", "lambdaL", "lambdaD"];

export const loopCapability = "loop";

const decoyTarget: QueryTarget = { type: "Service", capability: loopCapability, provider: null };

/** The processes of a new client, off, each with a key of its own. */
export const createTraffic = (draw: Turn["draw"]): Traffic => ({
  lambdaP: createPoisson(draw("traffic/lambdaP").bytes(32)),
  lambdaL: createPoisson(draw("traffic/lambdaL").bytes(32)),
  lambdaD: createPoisson(draw("traffic/lambdaD").bytes(32)),
});

const rateOf = ({ link, config, documents }: ClientState, name: ProcessName): number => {
  if (link.type !== "Up" || documents.inForce === null) return 0;
  return name === "lambdaP" || config.decoys ? documents.inForce.parameters[name] : 0;
};

const maxMsOf = ({ documents }: ClientState, name: ProcessName): number =>
  documents.inForce?.parameters[`${name}MaxDelayMs`] ?? 0;

/**
 * Starts, stops and changes the processes as connection and document demand, and gives those that are due their turn.
 */
export const runTraffic = (turn: Turn): void => {
  for (const name of processes) {
    const { state, context } = turn;
    setProcess(turn, name, reconcile(state.traffic[name], rateOf(state, name), maxMsOf(state, name), context.now));
    takeTurn(turn, name);
  }
};

const setProcess = (turn: Turn, name: ProcessName, process: Traffic[ProcessName]): void => {
  const before = turn.state.traffic[name];
  if (before === process) return;
  if (before.key !== process.key) turn.consumed.push(before.key);
  update(turn, { traffic: { ...turn.state.traffic, [name]: process } });
};

/** At most one turn a step: what is left due wakes the machine again at once. */
const takeTurn = (turn: Turn, name: ProcessName): void => {
  const process = turn.state.traffic[name];
  const { inForce } = turn.state.documents;
  if (process.dueAt === null || process.dueAt > turn.context.now || inForce === null) return;
  setProcess(turn, name, afterTurn(process, process.dueAt, turn.context.now));
  emit(turn, name, inForce);
};

const emit = (turn: Turn, name: ProcessName, document: Document): void => {
  if (name === "lambdaP" && sendFirst(turn, name, document)) return;
  if (!turn.state.config.decoys) return;
  const withSurb = name === "lambdaL" && hasRoom(turn.state, { type: "Loop" });
  const failure = sendDecoy(turn, `${name}/decoy`, document, decoyTarget, withSurb);
  if (failure !== null) turn.effects.push(count("client-decoy-unsent", failure));
  else addTally(turn, withSurb ? "loopsSent" : "dropsSent");
};

export const nextTurn = ({ traffic }: ClientState): Mono | null =>
  earliest(...processes.map((name) => traffic[name].dueAt));
