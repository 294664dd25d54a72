/**
 * What an oracle is: it watches a run from outside, looks into the states of its hosts now and then, and says what must
 * not be.
 *
 * @module
 */
import type { AuthorityState } from "../../../core/pki/authority_state.ts";
import { authorityAddress } from "../../../core/pki/authority_system.ts";
import type { ClientState } from "../../../core/client/state.ts";
import { clientAddress } from "../../../core/client/system.ts";
import type { Mono } from "../../../core/machine.ts";
import type { NodeState } from "../../../core/mix/state.ts";
import { nodeAddress } from "../../../core/mix/system.ts";
import type { EpochClock } from "../../../core/pki/epoch.ts";
import type { LoopixParameters } from "../../../core/pki/parameters.ts";
import type { Geometry } from "../../../core/sphinx/geometry.ts";
import type { SystemState } from "../../../core/system.ts";
import type { Observer } from "../watch.ts";
import type { Network } from "../network.ts";
import type { Weather } from "../weather.ts";

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
  readonly parameters: LoopixParameters;
  readonly geometry: Geometry;
  /** Wall-clock time in ms. */
  readonly wall: () => number;
  /** ms since the run began. */
  readonly now: () => number;
  /** The system of a host, or null while it does not run. */
  readonly system: (host: string) => SystemState | null;
  /** The monotonic time of a host. */
  readonly hostNow: (host: string) => Mono;
  /** How many entries each table of a host's store has. */
  readonly tables: (host: string) => ReadonlyMap<string, number>;
  readonly weather: Weather;
  /** From this instant on, in ms since the run began, faults are no excuse any more; 0 in a run without. */
  readonly settledAt: number;
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

const stateOf = <S>({ system }: View, host: string, address: string): S | null =>
  (system(host)?.machines.get(address)?.state as S | undefined) ?? null;

/** The states of the hosts that run, each with its host's name. */
const running = <S>(view: View, hosts: ReadonlyArray<string>, address: string): Array<readonly [string, S]> =>
  hosts.flatMap((host) => {
    const state = stateOf<S>(view, host, address);
    return state === null ? [] : [[host, state] as const];
  });

export const authoritiesOf = (view: View): Array<readonly [string, AuthorityState]> =>
  running(view, view.network.authorities, authorityAddress);
export const nodesOf = (view: View): Array<readonly [string, NodeState]> =>
  running(view, view.network.nodes, nodeAddress);
export const clientsOf = (view: View): Array<readonly [string, ClientState]> =>
  running(view, view.network.clients.map(({ name }) => name), clientAddress);

/** No fault excuses what is seen now: there was none for as long as a network takes to settle. */
export const isCalm = ({ weather, settledAt, now }: View): boolean => {
  const settlingMs = Math.max(0, settledAt - weather.healedAt);
  return !weather.wasFoul(now() - settlingMs, now());
};
