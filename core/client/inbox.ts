/**
 * Messages of other users: blocks are authenticated, decrypted and put together, and each message is delivered once
 * (specs/end_to_end.rst §4.2.1). The Go client of 2020 ignores them.
 *
 * @module
 */
import { drop, log } from "../effects.ts";
import { E } from "../fp.ts";
import { absurd } from "../machine.ts";
import { openBlock } from "./block.ts";
import { reassemblyLimits } from "./config.ts";
import { addBlock, expireMessages, type ReassemblyOutcome } from "./reassembly.ts";
import { notify, type Turn, update } from "./state.ts";

/** A message came from the mailbox: `ciphertext` is the user payload of a packet (50642 bytes). */
export const onBlock = (turn: Turn, ciphertext: Uint8Array): void => {
  const { identityPrivate } = turn.state.config;
  if (identityPrivate === null) return void turn.effects.push(drop("client-no-identity-key"));
  const { suite, geometry } = turn.kit;
  const opened = openBlock(suite, geometry, identityPrivate, ciphertext);
  if (E.isLeft(opened)) return void turn.effects.push(drop(`client-block-${opened.left}`));
  const { sender, block, consumed } = opened.right;
  turn.consumed.push(...consumed);
  const { inbox } = turn.state;
  const { reassembly, outcome } = addBlock(suite, geometry, reassemblyLimits, inbox, turn.context.now, sender, block);
  update(turn, { inbox: reassembly });
  onOutcome(turn, outcome, sender, block.messageId);
};

const onOutcome = (turn: Turn, outcome: ReassemblyOutcome, from: Uint8Array, messageId: Uint8Array): void => {
  switch (outcome.type) {
    case "Complete":
      return notify(turn, { type: "Message", from, messageId, payload: outcome.message });
    case "Incomplete":
      return;
    case "Duplicate":
      return void turn.effects.push(drop("client-block-duplicate"));
    case "Conflict":
      turn.effects.push(drop("client-block-conflict"));
      return notify(turn, { type: "MessageConflict", from, messageId });
    case "Refused":
      return void turn.effects.push(drop(`client-${outcome.reason}`));
    default:
      absurd(outcome);
  }
};

/** Gives up messages whose other blocks did not come. */
export const expireInbox = (turn: Turn): void => {
  const { reassembly, givenUp } = expireMessages(turn.state.inbox, turn.context.now);
  if (reassembly !== turn.state.inbox) update(turn, { inbox: reassembly });
  if (givenUp > 0) {
    turn.effects.push(
      log("INFO", "client-message-incomplete", "Blocks of a message did not come.", { messages: givenUp }),
    );
  }
};
