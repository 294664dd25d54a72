/** The commands of the link protocol (specs/wire-protocol.rst §3, wire-facts §2.6). Epochs are safe integers. */
export type Command =
  | { readonly type: "NoOp" }
  | { readonly type: "Disconnect" }
  /** The packet is handed over: whoever reads the command owns the bytes. */
  | { readonly type: "SendPacket"; readonly packet: Uint8Array }
  | { readonly type: "RetrieveMessage"; readonly sequence: number }
  | { readonly type: "Message"; readonly queueSizeHint: number; readonly sequence: number; readonly payload: Uint8Array }
  | { readonly type: "MessageAck"; readonly queueSizeHint: number; readonly sequence: number; readonly surbId: Uint8Array; readonly payload: Uint8Array }
  | { readonly type: "MessageEmpty"; readonly sequence: number }
  | { readonly type: "GetConsensus"; readonly epoch: number }
  | { readonly type: "Consensus"; readonly status: number; readonly payload: Uint8Array }
  | { readonly type: "PostDescriptor"; readonly epoch: number; readonly payload: Uint8Array }
  | { readonly type: "PostDescriptorStatus"; readonly status: number }
  | { readonly type: "Vote"; readonly epoch: number; readonly identityKey: Uint8Array; readonly payload: Uint8Array }
  | { readonly type: "VoteStatus"; readonly status: number }
  | { readonly type: "GetVote"; readonly epoch: number; readonly identityKey: Uint8Array }
  | { readonly type: "Reveal"; readonly epoch: number; readonly identityKey: Uint8Array; readonly payload: Uint8Array }
  | { readonly type: "RevealStatus"; readonly status: number };

export type CommandType = Command["type"];

export const consensusStatus = { ok: 0, notFound: 1, gone: 2 } as const;
export const descriptorStatus = { ok: 0, invalid: 1, conflict: 2, forbidden: 3 } as const;
/** 1 and 2 as the document numbers them (wire-facts D13): a newer epoch is too early, an older one too late. */
export const voteStatus = { ok: 0, tooEarly: 1, tooLate: 2, notAuthorised: 3, notSigned: 4, malformed: 5, alreadyReceived: 6, notFound: 7 } as const;
export const revealStatus = { ok: 8, tooEarly: 9, notAuthorised: 10, alreadyReceived: 11, tooLate: 12 } as const;
