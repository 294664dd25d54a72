export type RoutingCommand =
  | { readonly type: "NextNodeHop"; readonly id: Uint8Array; readonly mac: Uint8Array }
  | { readonly type: "Recipient"; readonly id: Uint8Array }
  | { readonly type: "SurbReply"; readonly id: Uint8Array }
  | { readonly type: "NodeDelay"; readonly delayMs: number };
