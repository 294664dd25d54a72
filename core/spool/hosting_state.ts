/**
 * The state of the machine between a spool plugin's replicas and the world, and what one step of it gathers.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { count, type Effect } from "../effects.ts";
import type { Context, Step } from "../machine.ts";
import { epochAt } from "../pki/epoch.ts";
import type { Address } from "../system.ts";
import type { HostingConfig, SpoolsAnswer } from "./hosting_types.ts";
import { encodeHosted, framed, type HostStatus } from "./hosting_wire.ts";
import type { SpoolGeometry } from "./service_types.ts";

export const serviceAddress: Address = "spool-service";
export const replicaAddress = (spool: Uint8Array): Address => `replica/${toHex(spool)}`;

/** A replica that is hosted, or about to be: its keys follow from one another. */
export interface Hosted {
  readonly spool: Uint8Array;
  /** The spool key: Ed25519, 64 bytes. */
  readonly privateKey: Uint8Array;
}

/** A spool that was here: what is left of it is being deleted, or is gone. */
export interface Grave {
  readonly spool: Uint8Array;
  /** Of the root key, which others are shown (purge.ts); null where it was nobody's wish. */
  readonly signature: Uint8Array | null;
  /** In which it was dug. */
  readonly epoch: number;
  /** Requests that wait until nothing is left. */
  readonly requests: ReadonlyArray<number>;
  readonly isClean: boolean;
}

/** Rows of a spool that are being deleted, a page at a time. */
export interface Sweep {
  readonly spool: string;
  /** Of the tables that replicas have rows in. */
  readonly table: number;
  readonly page: number;
}

export interface HostingState {
  readonly config: HostingConfig;
  /** Public spool keys by root key in hex: `hostedMax` at most. */
  readonly hosted: PersistentMap<string, Uint8Array>;
  /** Bytes of the bodies that each keeps, by root key in hex. */
  readonly held: PersistentMap<string, number>;
  readonly heldBytes: number;
  /** New ones on their way to the disk, by commit, with the requests that ask for them. */
  readonly founding: PersistentMap<number, Hosted & { readonly request: number }>;
  /** In this epoch. */
  readonly epoch: number;
  readonly hosts: number;
  /** Requests to other replicas that are under way, by their numbers here: one a replica and peer. */
  readonly carried: PersistentMap<
    number,
    { readonly replica: Address; readonly peer: string; readonly request: number }
  >;
  /** By root key in hex: with `hosted` and `founding` they are `hostedMax` at most. */
  readonly graves: PersistentMap<string, Grave>;
  /** Spools whose end is on its way to the disk, by commit. */
  readonly ending: PersistentMap<number, Omit<Grave, "isClean">>;
  /** By root key in hex: machines of spools that end. */
  readonly retiring: ReadonlySet<string>;
  /** By the number of what the store is asked. */
  readonly sweeps: PersistentMap<number, Sweep>;
  readonly nextId: number;
  readonly restoring: { readonly id: number; readonly table: number } | null;
  /** The look for rows of spools that are neither hosted nor being deleted; null once it is over. */
  readonly orphans: { readonly id: number; readonly table: number } | null;
  /** The machines that have not read back yet what they had when the process began; null once that was told. */
  readonly awaited: ReadonlySet<Address> | null;
}

export interface HostingTurn {
  readonly suite: Suite;
  readonly geometry: SpoolGeometry;
  readonly context: Context;
  state: HostingState;
  readonly effects: Effect[];
}

export const newHostingState = (context: Context, config: HostingConfig): HostingState => ({
  config,
  hosted: PersistentMap(),
  held: PersistentMap(),
  heldBytes: 0,
  founding: PersistentMap(),
  epoch: epochAt(config.clock, context.wall).epoch,
  hosts: 0,
  carried: PersistentMap(),
  graves: PersistentMap(),
  ending: PersistentMap(),
  retiring: new Set(),
  sweeps: PersistentMap(),
  nextId: 1,
  restoring: null,
  orphans: null,
  awaited: new Set([serviceAddress]),
});

export const update = (turn: HostingTurn, parts: Partial<HostingState>): void => {
  turn.state = { ...turn.state, ...parts };
};

export const takeId = (turn: HostingTurn): number => {
  const id = turn.state.nextId;
  update(turn, { nextId: id + 1 });
  return id;
};

/** A replica keeps so many bytes by now. */
export const hold = (turn: HostingTurn, key: string, bytes: number): void => {
  const { held, heldBytes } = turn.state;
  const next = bytes === 0 ? held.delete(key) : held.set(key, bytes);
  update(turn, { held: next, heldBytes: heldBytes + bytes - held.get(key, 0) });
};

/** Nothing here has a deadline: replicas and the client have theirs. */
export const endHostingTurn = ({ state, effects }: HostingTurn): Step<HostingState, Effect> => ({
  state,
  effects,
  wakeAt: null,
});

/** Answers a request as the Provider is to send it. */
export const answer = (turn: HostingTurn, id: number, payload: Uint8Array, length: number): void => {
  const event: SpoolsAnswer = { type: "SpoolsAnswer", id, payload, length };
  turn.effects.push({ type: "Notify", event });
};

/** Answers with a message about a replicated spool. */
export const answerFramed = (turn: HostingTurn, id: number, reply: Uint8Array): void =>
  answer(turn, id, framed(reply), turn.geometry.replyLengthMax);

/** Answers a request for a replica, and counts how it ended. */
export const answerHosted = (
  turn: HostingTurn,
  id: number,
  status: HostStatus,
  key: Uint8Array | null = null,
): void => {
  turn.effects.push(count("dspool-hosted", status));
  answerFramed(turn, id, encodeHosted(status, key));
};
