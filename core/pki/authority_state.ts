/**
 * The state of a voting directory authority, and the steps that its parts are made of.
 *
 * Everything in it is bounded: documents and descriptors by four epochs and the lists of who may join, ballots by the
 * number of authorities, errands by peers, links by the configuration's limits, what is written down by all of these.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import type { OrderedMap } from "../collections/ordered_map.ts";
import { equal, toHex } from "../bytes.ts";
import type { Effect } from "../effects.ts";
import type { Mono, Wall } from "../machine.ts";
import type { Address } from "../system.ts";
import type { Admission } from "../wire/admission.ts";
import type { Arrivals } from "../wire/arrivals.ts";
import type { AuthorityConfig, Hex, Membership } from "./authority_config.ts";
import type { Coming } from "./authority_lists.ts";
import type { Errand } from "./authority_errands.ts";
import type { Storage } from "./authority_keeping.ts";
import type { Link } from "./authority_links.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Document, KnownDescriptors } from "./document.ts";
import type { Round } from "./authority_round.ts";
import type { Lineage } from "./shared_random.ts";

export interface Published {
  readonly document: Document;
  /** The certificate as it is given out. */
  readonly raw: Uint8Array;
}

export interface AuthorityState {
  readonly config: AuthorityConfig;
  readonly members: Membership;
  /** Lists of nodes that are not in force yet. */
  readonly coming: Coming | null;
  readonly round: Round;
  /** When to look whether the round's phase has ended. */
  readonly roundDeadline: Mono;
  readonly lineage: Lineage;
  /** The latest epoch that we have voted for. */
  readonly lastVoted: number;
  /** By epoch. */
  readonly documents: PersistentMap<number, Published>;
  /** By epoch and identity key. */
  readonly descriptors: PersistentMap<number, PersistentMap<Hex, Descriptor>>;
  /** How many descriptors each node has sent in an epoch. */
  readonly uploads: { readonly epoch: number; readonly counts: PersistentMap<Hex, number> };
  /** What is to be brought to or fetched from peers. */
  readonly errands: PersistentMap<string, Errand>;
  /** How far each peer's clock was ahead of ours in the last handshake, in ms. */
  readonly clockOffsets: PersistentMap<Hex, number>;
  /** Connections that others opened, oldest first. */
  readonly links: OrderedMap<Address, Link>;
  /** Those of strangers and clients. */
  readonly admission: Admission;
  readonly arrivals: Arrivals;
  /** What is being written down. */
  readonly storage: Storage;
  /** Sessions opened so far: makes each one's address its own. */
  readonly sessions: number;
}

/** A state and what it took to get there. */
export interface Outcome {
  readonly state: AuthorityState;
  readonly effects: ReadonlyArray<Effect>;
}

export const only = (state: AuthorityState, ...effects: ReadonlyArray<Effect>): Outcome => ({ state, effects });

/** One step after another. */
export const andThen = ({ state, effects }: Outcome, next: (state: AuthorityState) => Outcome): Outcome => {
  const outcome = next(state);
  return { state: outcome.state, effects: [...effects, ...outcome.effects] };
};

/** Instants in the certificates' unit. Not rounded: a certificate is valid through its last second. */
export const secondsOf = (at: Wall): number => Math.floor(at / 1000);

const keptPast = 2;
const keptAhead = 1;

/** Whether somebody may still ask for something of an epoch. */
export const isKept = (of: number, epoch: number): boolean => of >= epoch - keptPast && of <= epoch + keptAhead;

/** Forgets documents and descriptors of epochs that nobody may ask for any more. */
export const prune = (state: AuthorityState, epoch: number): AuthorityState => {
  const { documents, descriptors } = state;
  if (documents.every((_, of) => isKept(of, epoch)) && descriptors.every((_, of) => isKept(of, epoch))) return state;
  return {
    ...state,
    documents: documents.filter((_, of) => isKept(of, epoch)),
    descriptors: descriptors.filter((_, of) => isKept(of, epoch)),
  };
};

/** The descriptors that this authority itself accepted for an epoch, by their certificates. */
export const knownDescriptors = (state: AuthorityState, epoch: number): KnownDescriptors => {
  const descriptors = new Map(
    [...state.descriptors.get(epoch, PersistentMap<Hex, Descriptor>()).values()].map((known) =>
      [digestKey(known.raw), known] as const
    ),
  );
  return (raw) => {
    const known = descriptors.get(digestKey(raw));
    return known !== undefined && equal(known.raw, raw) ? known : null;
  };
};

// A certificate ends with its signature, which is as good as a digest to look it up by.
const digestKey = (raw: Uint8Array): string => toHex(raw.subarray(-16));
