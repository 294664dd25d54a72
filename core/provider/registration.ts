/**
 * User registration as the driver sees it (wire-facts §10): the HTTP adapter tells the node `Register` and waits for
 * the `Registered` of the same id in a Notify, which comes after the account is durable.
 *
 * @module
 */

/** Told to the node by an adapter. */
export interface Register {
  readonly type: "Register";
  /** Chosen by the adapter; comes back in Registered. */
  readonly id: number;
  readonly user: string;
  /** X25519, 32 bytes. */
  readonly linkKey: Uint8Array;
  /** X25519, 32 bytes, for the keyserver; or null. */
  readonly identityKey: Uint8Array | null;
}

export type RegisterOutcome = "ok" | "exists" | "invalid-name" | "confusable-name" | "disabled" | "store-failed";

/** The event of a Notify. */
export interface Registered {
  readonly type: "Registered";
  readonly id: number;
  readonly outcome: RegisterOutcome;
}
