/**
 * A voting directory authority as one process: its machines and how they start. The daemon and the simulator use these
 * two.
 *
 * @module
 */
import type { Suite } from "../crypto/suite.ts";
import type { Spawn } from "../effects.ts";
import type { Geometry } from "../sphinx/geometry.ts";
import { createSystem, type System } from "../system.ts";
import { createSession } from "../wire/session.ts";
import { createAuthority } from "./authority.ts";
import type { AuthorityConfig } from "./authority_config.ts";

/** Where the authority lives, and where a listener's connections are announced. */
export const authorityAddress = "authority";

export interface AuthorityBuild {
  readonly suite: Suite;
  readonly geometry: Geometry;
}

export const createAuthoritySystem = ({ suite, geometry }: AuthorityBuild): System =>
  createSystem({ authority: createAuthority(suite, authorityAddress), session: createSession({ suite, geometry }) });

/** What a fresh system is started with. */
export const bootAuthority = (config: AuthorityConfig): ReadonlyArray<Spawn> => [
  { type: "Spawn", at: authorityAddress, kind: "authority", config },
];
