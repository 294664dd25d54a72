/**
 * The loop service (drafts/decoy_traffic.rst §2, §4; wire-facts §8.1): answers whatever it is sent with zeros, so that
 * clients and mixes can send packets to themselves; without a SURB a request is a drop decoy and ends here.
 *
 * @module
 */
import type { Handler } from "./services.ts";

export const loop: Handler = (
  _users,
  { hasSurb },
) => (hasSurb ? { type: "Reply", data: new Uint8Array(0) } : { type: "NoReply" });
