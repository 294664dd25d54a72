/**
 * A client's account as the commands use it: from the configuration file to a connected client, registration, and
 * finding other users' keys.
 *
 * @module
 */
import { equal, fromUtf8, toBase64, toHex, utf8 } from "../core/bytes.ts";
import type { Suite } from "../core/crypto/suite.ts";
import { keyFromText } from "../core/pki/text_key.ts";
import { ClientError, type ConnectOptions, type MixClient, type Recipient } from "./client_api.ts";
import { type ClientFile, connectOptionsOf, userOf } from "./config/client.ts";
import { configurationError, unavailableError } from "./exit.ts";
import { type ClientKeys, loadClientKeys } from "./keys.ts";

export interface Account {
  readonly user: string;
  readonly provider: string;
  readonly keys: ClientKeys;
}

/**
 * The account of a file, with its keys, which are made on the first use. Throws a CommandError where the file has none.
 */
export const openAccount = (file: ClientFile, name: string, suite: Suite): Account => {
  const user = userOf(file);
  const { DataDir } = file.Samtpfote;
  if (file.Account === null || user === null) {
    throw configurationError(`${name}: [Account] User is missing: which account is it?`);
  }
  if (DataDir === null) {
    throw configurationError(`${name}: [Samtpfote] DataDir is missing: where the account's keys are`);
  }
  return { user, provider: file.Account.Provider.toLowerCase(), keys: loadClientKeys(suite, DataDir) };
};

export const optionsOf = (file: ClientFile, { user, provider, keys }: Account): ConnectOptions =>
  connectOptionsOf(file, { user, provider }, keys);

const registerMs = 15_000;

/**
 * Asks the account's Provider for it by HTTP (wire-facts §10): null where it was made, else what the Provider answered,
 * as it does where there is one of that name. Rejects with a CommandError where it cannot be reached.
 */
export const askForAccount = async (
  file: ClientFile,
  name: string,
  { user, keys }: Account,
): Promise<string | null> => {
  if (file.Registration === null) {
    throw configurationError(`${name}: [Registration] is missing: where accounts are made`);
  }
  const url = `${file.Registration.Options.Scheme}://${file.Registration.Address}/registration`;
  const body = new URLSearchParams({
    version: "0",
    command: "register_link_and_identity_key",
    user,
    link_key: toBase64(keys.linkKey),
    identity_key: toBase64(keys.identityKey),
  });
  const post = async (): Promise<Response> =>
    await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(registerMs) });
  const response = await post().catch((error: Error) => {
    throw unavailableError(
      `cannot reach ${url}: ${((error.cause as NodeJS.ErrnoException | undefined)?.code) ?? error.message}`,
    );
  });
  const answer = (await response.text()).slice(0, 200).trim();
  return response.status === 200 ? null : `${url} made no account: ${answer}`;
};

/** Makes the account at its Provider. Rejects with a CommandError. */
export const register = async (file: ClientFile, name: string, account: Account): Promise<void> => {
  const refusal = await askForAccount(file, name, account);
  if (refusal !== null) throw unavailableError(refusal);
};

/** Asks the keyserver of the user's Provider (drafts/keyserver.rst). Null where the user has no key there. */
export const findRecipient = async (
  client: Pick<MixClient, "query">,
  user: string,
  provider: string,
  signal: AbortSignal,
): Promise<Recipient | null> => {
  const request = utf8(JSON.stringify({ Version: 0, User: user }));
  const { payload } = await client.query({ type: "Service", capability: "keyserver", provider }, request, { signal });
  const key = keyFromText(/"PublicKey":"([A-Za-z0-9+/=]*)"/.exec(fromUtf8(payload) ?? "")?.[1] ?? "");
  return key === null ? null : { user, provider, key };
};

/** A lookup that nobody cuts short ends with the client. */
const untilClosed = new AbortController().signal;

/**
 * Looks the account's own key up, as others do (drafts/keyserver.rst §4): what its user has to be warned of. Null where
 * others find the key, where there is no keyserver, and where the client was closed meanwhile.
 */
export const ownKeyWarning = async (
  client: Pick<MixClient, "document" | "query">,
  { user, provider, keys }: Account,
): Promise<string | null> => {
  const own = client.document()?.providers.find(({ name }) => name === provider);
  if (own?.kaetzchen?.has("keyserver") !== true) return null;
  const found = await findRecipient(client, user, provider, untilClosed).catch((error: unknown) => {
    if (error instanceof ClientError) return error;
    throw error;
  });
  if (found instanceof ClientError) {
    return found.code === "shutdown" ? null : `the keyserver of ${provider} was not reached: ${found.message}`;
  }
  if (found === null) return `the keyserver of ${provider} tells no key of ${user}: others cannot write to you`;
  if (equal(found.key, keys.identityKey)) return null;
  return `the keyserver of ${provider} tells others that the key of ${user} is ${toHex(found.key)}, which it is not`;
};

/** What a command says where the network did not answer; other errors as they are. */
export const asUnavailable = (error: unknown): unknown => {
  if (error instanceof ClientError) return unavailableError(error.message);
  return error instanceof DOMException && error.name === "TimeoutError" ? unavailableError("no answer in time") : error;
};
