/**
 * What an oracle is: it watches a run from outside, looks into the states of its hosts now and then, and says what must
 * not be.
 *
 * @module
 */
import type { EpochClock } from "../../../core/pki/epoch.ts";
import type { Address } from "../../../core/system.ts";
import type { Observer } from "../host.ts";
import type { Network } from "../network.ts";

/** Safety: something happened that must never happen. Liveness: something did not happen that had to. */
export interface Violation {
  readonly kind: "safety" | "liveness";
  readonly oracle: string;
  /** ms since the run began. */
  readonly at: number;
  readonly what: string;
}

export type Report = (kind: Violation["kind"], what: string) => void;

/** What an oracle may see. */
export interface View {
  readonly network: Network;
  readonly clock: EpochClock;
  /** Wall-clock time in ms. */
  readonly wall: () => number;
  /** The state of a machine of a host. */
  readonly machine: (host: string, address: Address) => unknown;
}

export interface Oracle {
  readonly name: string;
  readonly observer?: Observer;
  /** Between two events, several times an epoch. */
  readonly sample?: () => void;
  /** When the run has come to its end. */
  readonly finish?: () => void;
  /** A line for people: what was checked, and how often. */
  readonly summary: () => string;
}

export type CreateOracle = (view: View, report: Report) => Oracle;
