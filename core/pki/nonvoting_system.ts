/**
 * A non-voting directory authority as one process: its machines and how they start. The daemon and the simulator use
 * these two.
 *
 * @module
 */
import type { Spawn } from "../effects.ts";
import { createSystem, type System } from "../system.ts";
import { createSession } from "../wire/session.ts";
import type { AuthorityBuild } from "./authority_system.ts";
import { createNonvoting } from "./nonvoting.ts";
import type { NonvotingConfig } from "./nonvoting_state.ts";

/** Where the authority lives, and where a listener's connections are announced. */
export const nonvotingAddress = "authority";

export const createNonvotingSystem = ({ suite, geometry }: AuthorityBuild): System =>
  createSystem({ nonvoting: createNonvoting(suite, nonvotingAddress), session: createSession({ suite, geometry }) });

/** What a fresh system is started with. */
export const bootNonvoting = (config: NonvotingConfig): ReadonlyArray<Spawn> => [
  { type: "Spawn", at: nonvotingAddress, kind: "nonvoting", config },
];
