/**
 * What an authority does with a node's PostDescriptor command (specs/pki.rst §5.1, wire-facts §5.6).
 *
 * Departures: a descriptor that comes after our vote for its epoch is answered with conflict, as one that comes after
 * the document; Go says ok and never lists the node. Refused as invalid are also keys that no secret can be agreed on
 * with and certificates that expire within the epoch.
 *
 * @module
 */
import { Map as PersistentMap } from "immutable";
import { equal, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { log, type LogLevel } from "../effects.ts";
import { E } from "../fp.ts";
import type { Wall } from "../machine.ts";
import { type Command, descriptorStatus } from "../wire/commands.ts";
import { isListed } from "./authority_config.ts";
import { type AuthorityState, secondsOf } from "./authority_state.ts";
import type { Receipt } from "./authority_ballots.ts";
import { lastSecondOf } from "./authority_tally.ts";
import { isValidUntil } from "./cert.ts";
import { type Descriptor, verifyDescriptor } from "./descriptor.ts";
import { epochAt } from "./epoch.ts";

export type PostCommand = Extract<Command, { readonly type: "PostDescriptor" }>;

/** Any scalar will do to find the points that every scalar maps to zero. */
const probe = new Uint8Array(32).fill(1);

/** Keys that no secret can be agreed on with: whoever sends to this node would fail. */
export const hasDegenerateKey = (suite: Suite, { linkKey, mixKeys }: Descriptor): boolean =>
  [linkKey, ...mixKeys.values()].some((key) => suite.x25519(probe, key) === null);

const isClosed = ({ round, documents }: AuthorityState, epoch: number): boolean =>
  documents.has(epoch) || (epoch === round.votingEpoch && round.type !== "waiting" && round.type !== "descriptors");

const refuse = (
  state: AuthorityState,
  identity: Uint8Array,
  status: number,
  epoch: number,
  error: string,
  level: LogLevel = "WARNING",
): Receipt => {
  const fields = { epoch, identity: toHex(identity), error };
  return {
    state,
    status,
    effects: [log(level, "descriptor-refused", `Refused a descriptor for epoch ${epoch}: ${error}`, fields)],
  };
};

/** `identity` (32 bytes) is the node that the link authenticated. */
export const receiveDescriptor = (
  suite: Suite,
  state: AuthorityState,
  identity: Uint8Array,
  command: PostCommand,
  at: Wall,
): Receipt => {
  const { epoch, payload } = command;
  const now = epochAt(state.config.clock, at).epoch;
  if (epoch < now - 1 || epoch > now + 1) return refuse(state, identity, descriptorStatus.invalid, epoch, "epoch");
  const ofEpoch = state.descriptors.get(epoch, PersistentMap<string, Descriptor>());
  const earlier = ofEpoch.get(toHex(identity));
  if (earlier !== undefined && equal(earlier.raw, payload)) return { state, status: descriptorStatus.ok, effects: [] };
  const verified = verifyDescriptor(suite, payload, epoch, secondsOf(at));
  if (E.isLeft(verified)) return refuse(state, identity, descriptorStatus.invalid, epoch, verified.left);
  const descriptor = verified.right;
  if (!equal(descriptor.identityKey, identity)) {
    return refuse(state, identity, descriptorStatus.forbidden, epoch, "other-node");
  }
  if (!isListed(state.members, descriptor)) {
    return refuse(state, identity, descriptorStatus.forbidden, epoch, "not-listed");
  }
  if (hasDegenerateKey(suite, descriptor)) {
    return refuse(state, identity, descriptorStatus.invalid, epoch, "degenerate-key");
  }
  if (!isValidUntil(payload, lastSecondOf(state.config.clock, epoch))) {
    return refuse(state, identity, descriptorStatus.invalid, epoch, "expires-too-soon");
  }
  if (earlier !== undefined) return refuse(state, identity, descriptorStatus.conflict, epoch, "changed");
  if (isClosed(state, epoch)) return refuse(state, identity, descriptorStatus.conflict, epoch, "late", "INFO");
  const accepted = log("INFO", "descriptor", `Accepted a descriptor for epoch ${epoch}`, {
    epoch,
    name: descriptor.name,
  });
  const descriptors = state.descriptors.set(epoch, ofEpoch.set(toHex(identity), descriptor));
  return { state: { ...state, descriptors }, status: descriptorStatus.ok, effects: [accepted] };
};
