/**
 * The outgoing links of a node, one to each node that it sends to.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { earliest, type Mono } from "../machine.ts";
import type { Descriptor } from "../pki/descriptor.ts";
import type { Address } from "../system.ts";

export type LinkPhase =
  /** Not to be dialled before `restedAt`, whatever happens. */
  | { readonly type: "waiting"; readonly restedAt: Mono; readonly dialAt: Mono }
  | { readonly type: "dialling"; readonly session: Address }
  | { readonly type: "up"; readonly session: Address; readonly since: Mono }
  /** No longer wanted, or its descriptor changed; ends with the session's Down. */
  | { readonly type: "closing"; readonly session: Address };

export interface Link {
  readonly descriptor: Descriptor;
  readonly phase: LinkPhase;
  /** Before it is dialled again, unless the connection lasts. */
  readonly nextWaitMs: number;
}

export interface Links {
  /** By identity key in hex. */
  readonly byId: PersistentMap<string, Link>;
  readonly bySession: PersistentMap<Address, string>;
  /** The earliest `dialAt`. */
  readonly dialAt: Mono | null;
  /** Sessions so far: names the next. */
  readonly opened: number;
}

export const noLinks: Links = { byId: PersistentMap(), bySession: PersistentMap(), dialAt: null, opened: 0 };

const earliestDial = (byId: Links["byId"]): Mono | null =>
  earliest(...[...byId.values()].map(({ phase }) => (phase.type === "waiting" ? phase.dialAt : null)));

const withLinks = (links: Links, byId: Links["byId"]): Links => ({ ...links, byId, dialAt: earliestDial(byId) });

export const setLink = (links: Links, id: string, link: Link): Links => withLinks(links, links.byId.set(id, link));

export const removeLink = (links: Links, id: string): Links => withLinks(links, links.byId.delete(id));

/** Names a session of the link. */
export const openSession = (links: Links, id: string): { readonly links: Links; readonly session: Address } => {
  const session = `out/${links.opened}`;
  return { links: { ...links, bySession: links.bySession.set(session, id), opened: links.opened + 1 }, session };
};

export const forgetSession = (links: Links, session: Address): Links => ({
  ...links,
  bySession: links.bySession.delete(session),
});
