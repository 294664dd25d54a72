/**
 * The part of the platform's WebAssembly interface that is used here, which neither the ES library of the compiler nor
 * Node's types declare (WebAssembly JavaScript Interface, W3C 2019).
 *
 * @module
 */

/** A compiled module: without state, and may be sent to workers of the process. */
export interface WasmModule {
  readonly __brand: "WebAssembly.Module";
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule) => WasmInstance;
}

const api = (): WebAssemblyApi => (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

/** Compiles and validates; synchronous, so that the crypto suite can be. */
export const compile = (bytes: Uint8Array): WasmModule => new (api().Module)(bytes);

/** An instance of a module that imports nothing. */
export const instantiate = (module: WasmModule): WasmInstance => new (api().Instance)(module);
