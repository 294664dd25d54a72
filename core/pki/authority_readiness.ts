/**
 * Whether an authority can do its part, as its view shows: it has read its store, and there are enough of the others
 * for a document.
 *
 * @module
 */
import type { AuthorityPeerView, AuthorityView } from "./authority_view.ts";

export const authorityUnreadyReasons = [
  "restoring",
  /** Of too few others it has heard anything: no document can have enough signatures. */
  "no-peers",
] as const;

export type AuthorityUnready = typeof authorityUnreadyReasons[number];

const isHeardOf = ({ isSelf, clockOffsetMs, voted, connected }: AuthorityPeerView): boolean =>
  isSelf || clockOffsetMs !== null || voted || connected.in > 0;

export const authorityUnready = ({ store, authorities, round }: AuthorityView): ReadonlyArray<AuthorityUnready> => {
  if (store.restoring) return ["restoring"];
  return authorities.filter(isHeardOf).length < round.threshold ? ["no-peers"] : [];
};
