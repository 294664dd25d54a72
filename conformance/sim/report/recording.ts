/**
 * What a report is made from: a run as numbers, of bounded size however long the run and large the network.
 *
 * Instants are ms since the run began.
 *
 * @module
 */
import type { Fault } from "../fault.ts";
import type { Violation } from "../oracles/oracle.ts";
import type { Series } from "./timeline.ts";

export interface Place {
  readonly name: string;
  readonly kind: "authority" | "mix" | "provider";
  /** Of a mix, as the last document has it. */
  readonly layer: number | null;
  /** Of a Provider: how many clients it has. */
  readonly clients: number;
  readonly forwarded: number;
  readonly delivered: number;
  readonly dropped: number;
}

/** Packets that one node sent on to another. */
export interface Hop {
  readonly from: string;
  readonly to: string;
  readonly packets: number;
}

/** At how many authorities something of another one was seen, itself included. */
export interface Ballot {
  readonly authority: string;
  readonly voted: number;
  readonly revealed: number;
  readonly signed: number;
}

export interface Round {
  readonly epoch: number;
  readonly ballots: ReadonlyArray<Ballot>;
  /** Authorities that gave out the document. */
  readonly published: number;
  readonly signatures: number;
  /** Why authorities had none of their own. */
  readonly failures: ReadonlyArray<string>;
}

export interface Recording {
  readonly seed: number;
  /** What the run followed from, for people. */
  readonly configuration: ReadonlyArray<readonly [name: string, value: string]>;
  readonly untilMs: number;
  readonly periodMs: number;
  readonly firstEpoch: number;
  /** One value covers so many ms. */
  readonly bucketMs: number;
  readonly places: ReadonlyArray<Place>;
  readonly hops: ReadonlyArray<Hop>;
  readonly clients: number;
  /** Packets in each bucket, by what became of them. */
  readonly packets: ReadonlyArray<Series>;
  /** The greatest length in each bucket. */
  readonly queues: ReadonlyArray<Series>;
  /** Packets in each bucket, by the reason for which they were dropped. */
  readonly drops: ReadonlyArray<Series>;
  readonly rounds: ReadonlyArray<Round>;
  readonly faults: ReadonlyArray<Fault>;
  readonly violations: ReadonlyArray<Violation>;
  readonly crash: string | null;
  readonly summaries: ReadonlyArray<{ readonly oracle: string; readonly summary: string }>;
  readonly traceHash: string;
  readonly traceLength: number;
}
