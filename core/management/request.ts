/**
 * What the management socket asks a node for, and what the node answers (wire-facts §10). The driver tells the node
 * `Manage` and waits for the `Managed` of the same id in a Notify; where an account changes, it comes once the change
 * is durable.
 *
 * @module
 */

/** Changes and questions that concern one account. `user` is a name as it was written. */
export type UserRequest =
  | { readonly type: "AddUser"; readonly user: string; readonly linkKey: Uint8Array }
  /** Another link key: who is logged in with the old one has to go. */
  | { readonly type: "UpdateUser"; readonly user: string; readonly linkKey: Uint8Array }
  /** The mailbox goes with the account. */
  | { readonly type: "RemoveUser"; readonly user: string }
  /** null removes the identity key; there need not be one. */
  | { readonly type: "SetUserIdentity"; readonly user: string; readonly identityKey: Uint8Array | null }
  | { readonly type: "UserIdentity"; readonly user: string }
  | { readonly type: "UserLink"; readonly user: string };

/** Clients' rate limit (wire-facts §6.5), until the node ends: 0 is no limit. */
export type RateRequest =
  /** Packets a minute, instead of the document's SendRatePerMinute. */
  | { readonly type: "SendRate"; readonly ratePerMinute: number }
  | { readonly type: "SendBurst"; readonly burst: number };

export type ManageRequest = UserRequest | RateRequest;

/** Told to the node by an adapter. */
export interface Manage {
  readonly type: "Manage";
  /** Chosen by the adapter; comes back in Managed. */
  readonly id: number;
  readonly request: ManageRequest;
}

/** Why a request failed. */
export const manageFailures = [
  "invalid-name",
  /** A new name that may look as another one. */
  "confusable-name",
  "exists",
  "no-such-user",
  "no-identity",
  "too-many-users",
  "store-failed",
  /** It is still reading its accounts, or it is no Provider. */
  "not-ready",
] as const;

export type ManageFailure = typeof manageFailures[number];

export type ManageAnswer =
  | { readonly type: "Done" }
  /** A question's answer, 32 bytes. */
  | { readonly type: "Key"; readonly key: Uint8Array }
  | { readonly type: "Failed"; readonly reason: ManageFailure };

/** The event of a Notify. */
export interface Managed {
  readonly type: "Managed";
  readonly id: number;
  readonly answer: ManageAnswer;
}
