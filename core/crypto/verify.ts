/**
 * What every driver does on a Verify effect (core/effects.ts).
 *
 * @module
 */
import type { Verified, Verify } from "../effects.ts";
import type { Suite } from "./suite.ts";

export const performVerify = (suite: Suite, { id, publicKey, message, signature }: Verify): Verified => ({
  type: "Verified",
  id,
  isValid: suite.ed25519Verify(publicKey, message, signature),
});
