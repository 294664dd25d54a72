/**
 * What a non-voting authority does with a node's PostDescriptor command (specs/pki.rst §5.1, wire-facts §5.6): a
 * descriptor that is accepted is written to the store, and counts and is answered when the store has it. Where the
 * store fails the node is told nothing, and tries again.
 *
 * Departures from Go: a failing store ends the process there. Refused as invalid are also keys that no secret can be
 * agreed on with and certificates that expire within the epoch.
 *
 * @module
 */
import { concat, equal, fromHex, toHex, uint64 } from "../bytes.ts";
import { count, log, type LogLevel, type StoreFailure } from "../effects.ts";
import { E, type Either } from "../fp.ts";
import type { Address } from "../system.ts";
import { type Command, descriptorStatus } from "../wire/commands.ts";
import { isListed } from "./authority_config.ts";
import { hasDegenerateKey } from "./authority_enrolment.ts";
import { secondsOf } from "./authority_state.ts";
import { lastSecondOf } from "./authority_tally.ts";
import { isValidUntil } from "./cert.ts";
import { type Descriptor, verifyDescriptor } from "./descriptor.ts";
import { answer } from "./nonvoting_answer.ts";
import { descriptorsTable, storedVersion } from "./nonvoting_restore.ts";
import { descriptorsOf, emit, type Enrolling, takeId, type Turn, update } from "./nonvoting_state.ts";

type PostCommand = Extract<Command, { readonly type: "PostDescriptor" }>;

interface Refusal {
  readonly status: number;
  readonly error: string;
  readonly level: LogLevel;
}

const refusal = (status: number, error: string, level: LogLevel = "WARNING"): Either<Refusal, never> =>
  E.left({ status, error, level });

/** The status to answer with at once; null where the store answers. `identity` (32 bytes) is whom the link shows. */
export const receiveDescriptor = (
  turn: Turn,
  session: Address,
  identity: Uint8Array,
  command: PostCommand,
): number | null => {
  const { epoch, payload } = command;
  const key = toHex(identity);
  const earlier = descriptorsOf(turn.state, epoch).get(key);
  if (earlier !== undefined && equal(earlier.raw, payload)) return descriptorStatus.ok;
  const under = turn.state.enrolling.findEntry((one) => one.epoch === epoch && one.identity === key);
  if (under !== undefined && equal(under[1].descriptor.raw, payload)) {
    const [id, one] = under;
    update(turn, { enrolling: turn.state.enrolling.set(id, { ...one, links: [...one.links, session] }) });
    return null;
  }
  const judged = judge(turn, identity, command, earlier !== undefined || under !== undefined);
  if (E.isLeft(judged)) {
    const { status, error, level } = judged.left;
    const fields = { epoch, identity: key, error };
    emit(turn, log(level, "descriptor-refused", `Refused a descriptor for epoch ${epoch}: ${error}`, fields));
    return status;
  }
  store(turn, { epoch, identity: key, descriptor: judged.right, links: [session] });
  return null;
};

const judge = (
  { suite, state, time, context }: Turn,
  identity: Uint8Array,
  { epoch, payload }: PostCommand,
  isKnown: boolean,
): Either<Refusal, Descriptor> => {
  const { invalid, forbidden, conflict } = descriptorStatus;
  if (epoch < time.epoch - 1 || epoch > time.epoch + 1) return refusal(invalid, "epoch");
  const verified = verifyDescriptor(suite, payload, epoch, secondsOf(context.wall));
  if (E.isLeft(verified)) return refusal(invalid, verified.left);
  const descriptor = verified.right;
  if (!equal(descriptor.identityKey, identity)) return refusal(forbidden, "other-node");
  if (!isListed(state.listed, descriptor)) return refusal(forbidden, "not-listed");
  if (hasDegenerateKey(suite, descriptor)) return refusal(invalid, "degenerate-key");
  if (!isValidUntil(payload, lastSecondOf(state.config.clock, epoch))) return refusal(invalid, "expires-too-soon");
  if (isKnown) return refusal(conflict, "changed");
  const isClosed = state.documents.has(epoch) || state.signed?.document.epoch === epoch;
  return isClosed ? refusal(conflict, "late", "INFO") : verified;
};

const store = (turn: Turn, enrolling: Enrolling): void => {
  const { epoch, identity, descriptor } = enrolling;
  const id = takeId(turn);
  update(turn, { enrolling: turn.state.enrolling.set(id, enrolling) });
  const key = concat(uint64(epoch), fromHex(identity)!);
  const value = concat(Uint8Array.of(storedVersion), descriptor.raw);
  emit(turn, { type: "Commit", id, writes: [{ table: descriptorsTable, key, value }] });
};

/** The store has the descriptor, or has failed to take it. */
export const onEnrolled = (turn: Turn, id: number, failure: StoreFailure | null): void => {
  const { epoch, identity, descriptor, links } = turn.state.enrolling.get(id)!;
  update(turn, { enrolling: turn.state.enrolling.delete(id) });
  const fields = { epoch, name: descriptor.name };
  if (failure !== null) {
    const message = `Refused a descriptor for epoch ${epoch}: the store failed (${failure})`;
    emit(
      turn,
      count("descriptors-refused", "store-failed"),
      log("WARNING", "store-failed", message, { ...fields, failure }),
    );
    for (const link of links) answer(turn, link, null);
    return;
  }
  const { descriptors } = turn.state;
  update(turn, { descriptors: descriptors.set(epoch, descriptorsOf(turn.state, epoch).set(identity, descriptor)) });
  emit(turn, log("INFO", "descriptor", `Accepted a descriptor for epoch ${epoch}`, fields));
  for (const link of links) answer(turn, link, { type: "PostDescriptorStatus", status: descriptorStatus.ok });
};
