/**
 * Who performs the Verify effect (core/effects.ts): the calling thread, or the platform's threads.
 *
 * @module
 */
import { performVerify } from "../core/crypto/verify.ts";
import type { Suite } from "../core/crypto/suite.ts";
import type { Verified, Verify } from "../core/effects.ts";
import { verifyInThread } from "./crypto_native.ts";

/** Answers once. Answers may come in another order than the effects. */
export type Verifier = (effect: Verify, answer: (event: Verified) => void) => void;

export const inlineVerifier = (suite: Suite): Verifier => (effect, answer) => answer(performVerify(suite, effect));

/** A signature costs as much as all else that a service does for a request. */
export const threadVerifier: Verifier = ({ id, publicKey, message, signature }, answer) =>
  verifyInThread(publicKey, message, signature, (isValid) => answer({ type: "Verified", id, isValid }));
