/**
 * Replies of the management socket (wire-facts §10): a code and a text, as the Go programs write them.
 *
 * @module
 */
import { toBase64 } from "../bytes.ts";
import { absurd } from "../machine.ts";
import type { ManageAnswer } from "./request.ts";

const texts = {
  250: "Requested action ok, completed",
  500: "Syntax error, command unrecognised",
  501: "Syntax error in parameters or arguments",
  554: "Transaction failed",
} as const;

export type ReplyCode = keyof typeof texts;

export const greeting = (identifier: string): string =>
  `220 ${identifier} Katzenpost Management Interface Service ready\r\n`;

/** With the code's own text unless another is given, which has no line breaks. */
export const reply = (code: ReplyCode, text: string = texts[code]): string => `${code} ${text}\r\n`;

/** A name that cannot be one is a fault of syntax; everything else that fails is a failed transaction. */
export const replyTo = (answer: ManageAnswer): string => {
  switch (answer.type) {
    case "Done":
      return reply(250);
    case "Key":
      return reply(250, toBase64(answer.key));
    case "Failed":
      // Go has no such failure, and so no text for it.
      if (answer.reason === "confusable-name") return reply(501, "the name may look as another one");
      return reply(answer.reason === "invalid-name" ? 501 : 554);
    default:
      return absurd(answer);
  }
};
