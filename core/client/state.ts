/**
 * What a client remembers, and the turn: what one step of it gathers. Each part is kept by the module that it names.
 *
 * @module
 */
import type { List } from "../collections/list.ts";
import type { PersistentMap } from "../collections/map.ts";
import type { PersistentSet } from "../collections/set.ts";
import type { Suite } from "../crypto/suite.ts";
import type { Effect } from "../effects.ts";
import type { Heap } from "../heap.ts";
import type { Context, Mono } from "../machine.ts";
import type { Document } from "../pki/document.ts";
import type { Draws } from "../random.ts";
import type { Geometry } from "../sphinx/geometry.ts";
import type { Address } from "../system.ts";
import type { Block } from "./block.ts";
import type { ClientConfig } from "./config.ts";
import type { ClientNotice, QueryTarget, SentPacket } from "./events.ts";
import type { Poisson } from "./poisson.ts";
import type { Reassembly } from "./reassembly.ts";

/** The connection to the own Provider (link.ts). */
export type Link =
  /** Connects at `retryAt`, once a document says where to. */
  | { readonly type: "Idle"; readonly retryAt: Mono }
  | { readonly type: "Connecting"; readonly session: Address; readonly peer: LinkPeer }
  | { readonly type: "Up"; readonly session: Address; readonly peer: LinkPeer }
  | { readonly type: "Closing"; readonly session: Address }
  | { readonly type: "Stopped" };

/** Whom the document in force names as the own Provider: Ed25519 and X25519, 32 bytes each. */
export interface LinkPeer {
  readonly identityKey: Uint8Array;
  readonly linkKey: Uint8Array;
}

/** Documents of this epoch, the next, and for a moment the last (documents.ts). */
export interface Documents {
  readonly held: PersistentMap<number, HeldDocument>;
  /** Epochs that are not asked for again: authorities say there is none, or that there are two. */
  readonly abandoned: PersistentSet<number>;
  readonly inForce: Document | null;
  /** The one question that is open; the Provider has until `deadline` to answer, the directory keeps its own time. */
  readonly asking:
    | { readonly epoch: number; readonly from: "provider" | "directory"; readonly deadline: Mono | null }
    | null;
  /** When to look again which documents are wanted. */
  readonly checkAt: Mono;
  /** Failed questions since the last answer: Provider and authorities are asked in turn. */
  readonly failures: number;
  /** Where in the first half of the time for it the next document is fetched, in [0, 1). */
  readonly stagger: number;
}

export interface HeldDocument {
  readonly document: Document;
  /** SHA-256 of what the authorities signed. */
  readonly digest: Uint8Array;
}

export type ProcessName = "lambdaP" | "lambdaL" | "lambdaD";
/** The three Poisson processes (traffic.ts). */
export type Traffic = { readonly [name in ProcessName]: Poisson };

/** A packet of the user before it is composed, which is when lambdaP has its turn (egress.ts). */
export interface EgressItem {
  readonly request: string;
  /** Which of the request's packets, from 0. */
  readonly packet: number;
  readonly to: QueryTarget;
  readonly content:
    | { readonly type: "Plain"; readonly payload: Uint8Array }
    | { readonly type: "Block"; readonly block: Block; readonly recipientKey: Uint8Array };
  readonly expiresAt: Mono;
  /** How often it was composed in vain. */
  readonly tries: number;
}

/** A packet that the session has and has not reported as sent. */
export interface InFlight {
  /** Null for decoys. */
  readonly item: EgressItem | null;
  readonly surb: string | null;
  readonly sent: SentPacket;
}

/** What a SURB was made for, by its id in hex (surbs.ts). */
export interface SurbEntry {
  /** The decryption token. */
  readonly keys: Uint8Array;
  readonly purpose: { readonly type: "Loop" } | { readonly type: "Request"; readonly request: string };
  readonly sentAt: Mono;
  readonly etaMs: number;
  /** After it no reply is waited for. Never later than the death of the mix keys that the SURB needs. */
  readonly deadline: Mono;
  readonly keysDieAt: Mono;
}

export interface Surbs {
  readonly entries: PersistentMap<string, SurbEntry>;
  /** Holds stale deadlines too: one counts only if it still is its entry's. */
  readonly deadlines: Heap<string>;
}

/** Retrieval from the mailbox over the link (retrieval.ts). */
export interface Retrieval {
  readonly sequence: number;
  readonly pollAt: Mono | null;
  /** Set while a request is outstanding: when its answer has to be there. */
  readonly answerBy: Mono | null;
  /** Ids and digests of what came lately, for what comes twice. */
  readonly seen: PersistentSet<string>;
}

/** A request between acceptance and outcome (requests.ts). */
export interface PendingRequest {
  readonly type: "Query" | "SendMessage";
  /** Packets in all, and how many of them were answered. */
  readonly of: number;
  readonly answered: number;
  /** Outstanding SURBs. */
  readonly surbs: PersistentSet<string>;
}

export interface Tally {
  readonly loopsSent: number;
  readonly loopsReturned: number;
  readonly loopsLost: number;
  readonly dropsSent: number;
}

export interface ClientState {
  readonly config: ClientConfig;
  readonly link: Link;
  /** Sessions so far, and the wait before the next one. */
  readonly sessions: number;
  readonly backoffMs: number;
  readonly documents: Documents;
  readonly traffic: Traffic;
  readonly egress: List<EgressItem>;
  readonly inFlight: PersistentMap<number, InFlight>;
  /** Packets handed to sessions so far: numbers the next one. */
  readonly sends: number;
  readonly surbs: Surbs;
  readonly retrieval: Retrieval;
  /** Messages of users (inbox.ts). */
  readonly inbox: Reassembly;
  readonly requests: PersistentMap<string, PendingRequest>;
  readonly tally: Tally;
  readonly stopped: boolean;
}

/** What is bound when the machine is made. */
export interface Kit {
  readonly suite: Suite;
  readonly geometry: Geometry;
}

/** What one step gathers; it lives for that step only. States themselves are never changed. */
export interface Turn {
  readonly kit: Kit;
  readonly context: Context;
  readonly draw: Draws;
  state: ClientState;
  readonly effects: Effect[];
  readonly consumed: Uint8Array[];
}

export const update = (turn: Turn, change: Partial<ClientState>): void => {
  turn.state = { ...turn.state, ...change };
};

export const notify = (turn: Turn, event: ClientNotice): void => {
  turn.effects.push({ type: "Notify", event });
};

export const addTally = (turn: Turn, name: keyof Tally): void => {
  update(turn, { tally: { ...turn.state.tally, [name]: turn.state.tally[name] + 1 } });
};
