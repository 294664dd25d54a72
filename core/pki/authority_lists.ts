/**
 * Which nodes may join, by an authority's configuration; and a configuration that was read again while it runs (ours).
 *
 * New lists are in force from the beginning of the next epoch: within an epoch descriptors, votes and the document are
 * of one list. So whoever is removed is in no document from the second epoch on.
 *
 * @module
 */
import { toHex } from "../bytes.ts";
import { type Effect, log } from "../effects.ts";
import type { AuthorityConfig, Membership } from "./authority_config.ts";

export type Lists = Pick<AuthorityConfig, "mixes" | "providers">;
export type Listed = Pick<Membership, "mixes" | "providers">;

/** The operator has changed the lists: told to an authority by its driver. */
export interface Relist extends Lists {
  readonly type: "Relist";
}

/** Lists that are not in force yet. */
export interface Coming {
  readonly listed: Listed;
  /** The epoch in which they came. */
  readonly since: number;
}

export const listedNodes = ({ mixes, providers }: Lists): Listed => ({
  mixes: new Set(mixes.map(toHex)),
  providers: new Map(providers.map(({ name, identityKey }) => [toHex(identityKey), name] as const)),
});

export const comingOf = (lists: Lists, epoch: number): Coming => ({ listed: listedNodes(lists), since: epoch });

/** The lists that are in force from this epoch on; null where there are none, or it is still the epoch they came in. */
export const dueLists = (coming: Coming | null, epoch: number): Listed | null =>
  coming === null || coming.since === epoch ? null : coming.listed;

export const listsLog = ({ mixes, providers }: Listed, epoch: number): Effect =>
  log("NOTICE", "lists", `${mixes.size} mixes and ${providers.size} Providers may join from epoch ${epoch} on`, {
    epoch,
    mixes: mixes.size,
    providers: providers.size,
  });
