/**
 * What the words of `client spool` have in common: what they are given, which replicas they speak to, and what they say
 * where a spool or some of its replicas do not do what they should.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { toHex } from "../core/bytes.ts";
import type { Suite } from "../core/crypto/suite.ts";
import type { EpochClock } from "../core/pki/epoch.ts";
import type { ReplicaDescriptor } from "../core/spool/durable.ts";
import { type CallOptions, ClientError, type MixClient } from "./client_api.ts";
import { type CommandError, unavailableError, usageError } from "./exit.ts";
import {
  type Prepared,
  replicaAt,
  type ReplicatedPlace,
  type ReplicatedSpools,
  replicatedSpoolsOf,
} from "./replicated_client.ts";
import { SpoolError } from "./spool_client.ts";

export interface SpoolCommandOptions {
  readonly client: MixClient;
  readonly suite: Suite;
  readonly clock: EpochClock;
  /** The Provider whose replica is used; null: the first, and of what every replica is to hear all of them. */
  readonly at: string | null;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** What a command does once there is a client. What is wrong with its words or files is said before. */
export type SpoolAction = (options: SpoolCommandOptions) => Promise<void>;

export type SpoolWord = (words: ReadonlyArray<string>) => SpoolAction;

/** The files that are made: none may be there, since with a descriptor its spool's keys would be lost. */
export const newFiles = (name: string, kinds: ReadonlyArray<string>): string[] => {
  const files = kinds.map((kind) => `${name}.${kind}.json`);
  for (const file of files) if (existsSync(file)) throw usageError(`${file} is there already: take another NAME`);
  const folder = dirname(name);
  if (!existsSync(folder)) throw usageError(`there is no folder ${folder}`);
  return files;
};

const explanations: Readonly<Record<string, string>> = {
  "not-permitted": "this key has not, or no longer, the role that it takes",
  "purged": "the spool was purged by the holder of its root key",
  "unknown-spool": "there is no such spool: it was purged, or nobody wrote to it for too long",
  "not-truncatable": "nothing is ever removed from this spool",
  "removed": "the key had the role before: what was revoked once never comes back; make a new key",
  "slot-taken": "the descriptor's numbers are behind, as in an older copy of the file: say it again",
  "full": "the replica has no room for more",
  "forgotten": "the message was removed, or is too old",
  "altered": "the replica's answer is not what was signed: take another one (--at)",
  "gap": "the replica left something out: take another one (--at)",
  "fork": "the replica shows different spools to different users: take another one (--at)",
  "rollback": "the replica went back to an older state: take another one (--at)",
};

/** A refusal of a spool in words. */
export const refusalText = (error: SpoolError): string => {
  const text = explanations[error.status];
  return text === undefined ? error.message : `${error.message}: ${text}`;
};

export const asRefusal = (error: unknown): unknown =>
  error instanceof SpoolError ? unavailableError(refusalText(error)) : error;

/** `provider1` of `+spool@provider1`. */
export const providerOf = ({ addresses }: ReplicaDescriptor): string => {
  const address = addresses.find((one) => one.includes("@")) ?? addresses[0]!;
  return address.slice(address.lastIndexOf("@") + 1);
};

/** The one replica that is used. */
export const replicaFor = (place: ReplicatedPlace, at: string | null): ReplicaDescriptor => {
  const replica = at === null ? place.replicas[0] : replicaAt(place, at);
  if (replica !== undefined) return replica;
  throw usageError(`the spool has no replica at ${at}; it has ${place.replicas.flatMap(({ addresses }) => addresses)}`);
};

export interface Outcome<A> {
  readonly provider: string;
  /** Null where it failed. */
  readonly value: A | null;
  readonly error: unknown;
}

/** Asks all replicas, or the one at a Provider. */
export const everywhere = async <A>(
  place: ReplicatedPlace,
  at: string | null,
  ask: (replica: ReplicaDescriptor) => Promise<A>,
): Promise<ReadonlyArray<Outcome<A>>> => {
  const replicas = at === null ? place.replicas : [replicaFor(place, at)];
  return await Promise.all(replicas.map(async (replica): Promise<Outcome<A>> => {
    const provider = providerOf(replica);
    try {
      return { provider, value: await ask(replica), error: null };
    } catch (error) {
      if (!(error instanceof SpoolError || error instanceof ClientError)) throw error;
      return { provider, value: null, error };
    }
  }));
};

/** Those that did it; throws the first failure where none did. */
export const succeeded = <A>(
  outcomes: ReadonlyArray<Outcome<A>>,
): ReadonlyArray<Outcome<A> & { readonly value: A }> => {
  const done = outcomes.filter((one): one is Outcome<A> & { readonly value: A } => one.error === null);
  if (done.length === 0) throw outcomes[0]!.error;
  return done;
};

export const failureText = (error: unknown): string =>
  error instanceof SpoolError ? refusalText(error) : error instanceof Error ? error.message : String(error);

/** Did a replica answer with one of some statuses? */
export const isStatus = (error: unknown, ...statuses: ReadonlyArray<string>): boolean =>
  error instanceof SpoolError && statuses.includes(error.status);

/** Adds what is prepared at every replica, in order. `holders`: how many replicas are known to have all of it. */
export const addEverywhere = async (
  options: SpoolCommandOptions,
  place: ReplicatedPlace,
  writes: ReadonlyArray<Prepared>,
): Promise<{ readonly holders: number; readonly outcomes: ReadonlyArray<Outcome<void>> }> => {
  const spools = replicatedSpoolsOf(options);
  const held = writes.map(() => new Set<string>());
  const outcomes = await everywhere(place, options.at, async (replica) => {
    for (const [index, prepared] of writes.entries()) {
      const holders = await addOne(spools, place, replica, prepared, { signal: options.signal });
      for (const holder of [toHex(replica.key), ...holders]) held[index]!.add(holder);
    }
  });
  succeeded(outcomes);
  const everyone = new Set(held.flatMap((keys) => [...keys]));
  return { holders: [...everyone].filter((key) => held.every((keys) => keys.has(key))).length, outcomes };
};

/** An operation that was made already, by whomever, is as good. */
const addOne = async (
  spools: ReplicatedSpools,
  place: ReplicatedPlace,
  replica: ReplicaDescriptor,
  prepared: Prepared,
  call: CallOptions,
): Promise<ReadonlyArray<string>> => {
  try {
    return (await spools.append(place, replica, prepared, call)).map(({ replica: key }) => toHex(key));
  } catch (error) {
    if (isStatus(error, "present")) return [];
    throw error;
  }
};

/** Says which replicas did not do what they were asked. */
export const printFailures = (
  { print }: SpoolCommandOptions,
  outcomes: ReadonlyArray<Outcome<unknown>>,
  then: string,
): void => {
  for (const { provider, error } of outcomes) {
    if (error !== null) print(`${provider} did not take it: ${failureText(error)}; ${then}`);
  }
};

/** The error of a file that serves for something else. */
export const wrongFile = (name: string, what: string): CommandError => usageError(`${name} is not ${what}`);
