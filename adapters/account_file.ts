/**
 * The account of a client.toml, as genconfig writes them, for applications that `connect` with it.
 *
 * @module
 */
import { openAccount, optionsOf, register } from "./account.ts";
import type { ConnectOptions } from "./client_api.ts";
import { clientFile } from "./config/client.ts";
import { loadConfig } from "./config/load.ts";
import { nativeSuite } from "./crypto_native.ts";

/**
 * What `connect` takes. The account's keys are made on the first use. Throws an error whose message names file, line
 * and key where the file is wrong.
 */
export const accountOf = (file: string): ConnectOptions => {
  const read = loadConfig(clientFile, file);
  return optionsOf(read, openAccount(read, file, nativeSuite));
};

/** Makes the account at its Provider by HTTP; once is enough. Rejects with an error that says why there is none. */
export const registerAccount = async (file: string): Promise<void> => {
  const read = loadConfig(clientFile, file);
  await register(read, file, openAccount(read, file, nativeSuite));
};
