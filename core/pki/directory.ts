/**
 * The directory machine: fetches consensus documents from the voting authorities and posts descriptors to them
 * (specs/pki.rst §5, wire-facts §2.7, §5.6, §5.7). Nodes and clients each have one, at the address `directory`.
 *
 * @module
 */
import type { Address } from "../system.ts";
import type { Document } from "./document.ts";
import type { EpochClock } from "./epoch.ts";

/** A voting authority as nodes and clients configure it. */
export interface AuthorityPeer {
  /** Ed25519, 32 bytes. */
  readonly identityKey: Uint8Array;
  /** X25519, 32 bytes. */
  readonly linkKey: Uint8Array;
  /** `host:port`, tried in turn. */
  readonly addresses: ReadonlyArray<string>;
}

export interface DirectoryConfig {
  /** The address that the machine is spawned at; its sessions are at `self/N`. */
  readonly self: Address;
  /** The machine that is told the reports. */
  readonly owner: Address;
  /** At least one. */
  readonly authorities: ReadonlyArray<AuthorityPeer>;
  /** Ed25519, 64 bytes, for posting descriptors; null for clients. Documents are always fetched anonymously. */
  readonly credentials: { readonly identityPrivate: Uint8Array } | null;
  readonly clock: EpochClock;
}

/** What the owner asks. Each is answered by one report; a request equal to one under way is answered with it. */
export type DirectoryRequest =
  | { readonly type: "Fetch"; readonly epoch: number }
  /** `descriptor` is the signed certificate: the same bytes for each authority, and each time (wire-facts §5.2). */
  | { readonly type: "Publish"; readonly epoch: number; readonly descriptor: Uint8Array };

/**
 * Why there is no document: `not-found` not yet, `gone` never (so say more than half of the authorities), `unreachable` none
 * answered, `invalid` what came does not verify, `busy` too many epochs were asked for at once.
 */
export type FetchFailure = "not-found" | "gone" | "unreachable" | "invalid" | "busy";

export interface PublishFailure {
  /** The authority's identity key in hex. */
  readonly authority: string;
  /** `invalid`, `forbidden`, `no-credentials`, `busy`, `timeout`, or the reason for which the session ended. */
  readonly reason: string;
}

/** What the machine tells its owner. */
export interface DirectoryReport {
  readonly type: "Directory";
  readonly report:
    /** `document` is verified, `raw` the bytes that it was read from. */
    | { readonly type: "Document"; readonly epoch: number; readonly raw: Uint8Array; readonly document: Document }
    | { readonly type: "FetchFailed"; readonly epoch: number; readonly reason: FetchFailure }
    /** Every authority has answered or was given up: `of` = accepted + conflicts + failures. */
    | {
      readonly type: "Published";
      readonly epoch: number;
      readonly accepted: number;
      readonly conflicts: number;
      readonly failures: ReadonlyArray<PublishFailure>;
      readonly of: number;
    };
}
