/**
 * What an authority does with a node's PostDescriptor command (specs/pki.rst §5.1, wire-facts §5.6).
 *
 * Departures: a descriptor that comes after our vote for its epoch is answered with conflict, as one that comes after
 * the document; Go says ok and never lists the node. Refused as invalid are also keys that no secret can be agreed on
 * with and certificates that expire within the epoch.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { equal, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { count, log, type LogLevel } from "../effects.ts";
import { E, type Either } from "../fp.ts";
import type { Wall } from "../machine.ts";
import { type Command, descriptorStatus } from "../wire/commands.ts";
import { type Hex, isListed } from "./authority_config.ts";
import { recordUnderWay } from "./authority_keeping.ts";
import { type AuthorityState, secondsOf } from "./authority_state.ts";
import { type Receipt, unchanged } from "./authority_ballots.ts";
import { lastSecondOf } from "./authority_tally.ts";
import { isValidUntil, verifyDecoded } from "./cert.ts";
import { type Descriptor, readDescriptor } from "./descriptor.ts";
import { epochAt } from "./epoch.ts";

export type PostCommand = Extract<Command, { readonly type: "PostDescriptor" }>;

/** Any scalar will do to find the points that every scalar maps to zero. */
const probe = new Uint8Array(32).fill(1);

/** Keys that no secret can be agreed on with: whoever sends to this node would fail. */
export const hasDegenerateKey = (suite: Suite, { linkKey, mixKeys }: Descriptor): boolean =>
  [linkKey, ...mixKeys.values()].some((key) => suite.x25519(probe, key) === null);

const isClosed = ({ round, documents }: AuthorityState, epoch: number): boolean =>
  documents.has(epoch) || (epoch === round.votingEpoch && round.type !== "waiting" && round.type !== "descriptors");

/** Descriptors of one node that are checked in an epoch: an honest one sends two, and the same bytes cost nothing. */
export const uploadsMax = 64;

const levels: Readonly<Record<string, LogLevel>> = { late: "INFO" };

const refuse = (
  state: AuthorityState,
  identity: Uint8Array,
  epoch: number,
  { status, error }: Refusal,
): Receipt => {
  const fields = { epoch, identity: toHex(identity), error };
  const message = `Refused a descriptor for epoch ${epoch}: ${error}`;
  const line = log(levels[error] ?? "WARNING", "descriptor-refused", message, fields);
  return unchanged(state, status, line, count("descriptors-refused", error));
};

interface Refusal {
  readonly status: number;
  readonly error: string;
}

const refusal = (status: number, error: string): Either<Refusal, never> => E.left({ status, error });

/** `identity` (32 bytes) is the node that the link authenticated. */
export const receiveDescriptor = (
  suite: Suite,
  state: AuthorityState,
  identity: Uint8Array,
  { epoch, payload }: PostCommand,
  at: Wall,
): Receipt => {
  const hex = toHex(identity);
  const now = epochAt(state.config.clock, at).epoch;
  const known = state.descriptors.get(epoch)?.get(hex);
  if (known !== undefined && equal(known.raw, payload)) return unchanged(state, descriptorStatus.ok);
  const counted = countUpload(state, now, hex);
  const enrolled = enrol(suite, counted, identity, { epoch, payload, now, nowSeconds: secondsOf(at) });
  if (E.isLeft(enrolled)) return refuse(counted, identity, epoch, enrolled.left);
  const descriptor = enrolled.right;
  const { name } = descriptor;
  const line = log("INFO", "descriptor", `Accepted a descriptor for epoch ${epoch}`, { epoch, name });
  const accepted = { type: "descriptor", epoch, identity: hex, descriptor } as const;
  return { state: counted, status: descriptorStatus.ok, effects: [line], accepted };
};

const countUpload = (state: AuthorityState, now: number, identity: Hex): AuthorityState => {
  const counts = state.uploads.epoch === now ? state.uploads.counts : PersistentMap<Hex, number>();
  return { ...state, uploads: { epoch: now, counts: counts.update(identity, 0, (uploads) => uploads + 1) } };
};

interface Upload {
  readonly epoch: number;
  readonly payload: Uint8Array;
  readonly now: number;
  readonly nowSeconds: number;
}

/** What costs little is looked at first: nobody has a signature checked who may not join. */
const enrol = (
  suite: Suite,
  state: AuthorityState,
  identity: Uint8Array,
  { epoch, payload, now, nowSeconds }: Upload,
): Either<Refusal, Descriptor> => {
  const { invalid, forbidden, conflict } = descriptorStatus;
  if (epoch < now - 1 || epoch > now + 1) return refusal(invalid, "epoch");
  if (state.uploads.counts.get(toHex(identity), 0) > uploadsMax) return refusal(conflict, "too-many");
  const read = readDescriptor(payload, epoch, nowSeconds);
  if (E.isLeft(read)) return refusal(invalid, read.left);
  const { descriptor, certificate } = read.right;
  if (!equal(descriptor.identityKey, identity)) return refusal(forbidden, "other-node");
  if (!isListed(state.members, descriptor)) return refusal(forbidden, "not-listed");
  const signed = verifyDecoded(suite, identity, certificate);
  if (E.isLeft(signed)) return refusal(invalid, signed.left);
  if (hasDegenerateKey(suite, descriptor)) return refusal(invalid, "degenerate-key");
  if (!isValidUntil(payload, lastSecondOf(state.config.clock, epoch))) return refusal(invalid, "expires-too-soon");
  const earlier = state.descriptors.get(epoch)?.get(toHex(identity)) ??
    recordUnderWay(state, "descriptor", epoch, toHex(identity))?.descriptor;
  if (earlier !== undefined && !equal(earlier.raw, payload)) return refusal(conflict, "changed");
  return isClosed(state, epoch) ? refusal(conflict, "late") : E.right(descriptor);
};
