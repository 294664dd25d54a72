/** A mix's or Provider's descriptor, with the certificate it was read from. */
export interface Descriptor {
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly identityKey: Uint8Array;
  /** X25519, 32 bytes. */
  readonly linkKey: Uint8Array;
  /** Epoch to X25519 public key, 32 bytes. */
  readonly mixKeys: ReadonlyMap<number, Uint8Array>;
  /** Transport (`tcp4`, `tcp6`, `tcp`, …) to `host:port` list. */
  readonly addresses: ReadonlyMap<string, ReadonlyArray<string>>;
  /** Capability to parameters (each with `endpoint`); null for mixes. */
  readonly kaetzchen: ReadonlyMap<string, ReadonlyMap<string, unknown>> | null;
  readonly registrationHttpAddresses: ReadonlyArray<string> | null;
  /** 0 for mixes in their own descriptor, 255 for Providers. */
  readonly layer: number;
  readonly loadWeight: number;
  /** The certificate, byte for byte as received: authorities tally by it. */
  readonly raw: Uint8Array;
}

export const providerLayer = 255;
