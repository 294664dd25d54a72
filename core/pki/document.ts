import type { Descriptor } from "./descriptor.ts";

/** Loopix parameters (wire-facts §7): rates per ms, clamps in ms. */
export interface LoopixParameters {
  readonly sendRatePerMinute: number;
  readonly mu: number;
  readonly muMaxDelayMs: number;
  readonly lambdaP: number;
  readonly lambdaPMaxDelayMs: number;
  readonly lambdaL: number;
  readonly lambdaLMaxDelayMs: number;
  readonly lambdaD: number;
  readonly lambdaDMaxDelayMs: number;
  readonly lambdaM: number;
  readonly lambdaMMaxDelayMs: number;
}

/** A verified consensus document. */
export interface Document {
  readonly epoch: number;
  readonly genesisEpoch: number;
  readonly parameters: LoopixParameters;
  readonly topology: ReadonlyArray<ReadonlyArray<Descriptor>>;
  readonly providers: ReadonlyArray<Descriptor>;
  /** 40 bytes in a vote, empty in a consensus. */
  readonly sharedRandomCommit: Uint8Array;
  /** 32 bytes. */
  readonly sharedRandomValue: Uint8Array;
  readonly priorSharedRandom: ReadonlyArray<Uint8Array>;
}
