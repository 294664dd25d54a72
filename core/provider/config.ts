/**
 * What a Provider is configured with beyond a mix: Go's [Provider] table (wire-facts §11.1).
 *
 * @module
 */
import { defaultPluginLimits, type PluginLimits, type PluginService } from "./plugin_config.ts";

/** A service that the Provider itself offers. Each capability and each endpoint once. */
export interface ServiceConfig {
  readonly capability: "loop" | "keyserver";
  /** The recipient's name, 1 to 64 bytes, as published in the descriptor. */
  readonly endpoint: string;
}

export interface ProviderConfig {
  readonly services: ReadonlyArray<ServiceConfig>;
  readonly plugins: ReadonlyArray<PluginService>;
  /** Of each plugin. */
  readonly pluginLimits: PluginLimits;
  /** Recipients are 64 raw bytes: no normalisation, no delimiter. */
  readonly binaryRecipients: boolean;
  readonly caseSensitiveRecipients: boolean;
  /** What follows it in a recipient is ignored; empty for none. */
  readonly recipientDelimiter: string;
  readonly registration: {
    /** Whether `Register` makes accounts (Go's EnableUserRegistrationHTTP). */
    readonly enabled: boolean;
    /** Published in the descriptor (Go's AdvertiseUserRegistrationHTTPAddresses); null for none. */
    readonly advertised: ReadonlyArray<string> | null;
  };
  /** Messages and replies that one mailbox holds; what comes on top is dropped. */
  readonly mailboxEntriesMax: number;
  readonly usersMax: number;
}

export const defaultProviderConfig: ProviderConfig = {
  services: [{ capability: "loop", endpoint: "+loop" }, { capability: "keyserver", endpoint: "+keyserver" }],
  plugins: [],
  pluginLimits: defaultPluginLimits,
  binaryRecipients: false,
  caseSensitiveRecipients: false,
  recipientDelimiter: "",
  registration: { enabled: false, advertised: null },
  mailboxEntriesMax: 1000,
  usersMax: 100_000,
};
