/**
 * Registration of users over HTTP (wire-facts §10): POST /registration with the form fields `version` 0, `command`
 * `register_link_key` or `register_link_and_identity_key`, `user`, `link_key` and, for the second, `identity_key`.
 *
 * Answers as the Go server: 200 "OK\n" once the account is durable, 404 for another path, 500 for everything else; the
 * body of the last says why.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { keyFromText } from "../core/pki/text_key.ts";
import type { Register, Registered } from "../core/provider/registration.ts";
import { addressOf } from "../core/wire/remote_address.ts";
import { readBody } from "./http_body.ts";
import { createHttpServer, type HttpAnswer } from "./http_server.ts";
import { remoteOf } from "./tcp_door.ts";

export interface RegistrationOptions {
  /** Hands a request to the node; false where it cannot be taken. */
  readonly tell: (request: Register) => boolean;
  readonly limits: RegistrationLimits;
}

export interface RegistrationLimits {
  /** Connections and requests that may be open at once. */
  readonly pendingMax: number;
  /** Of the connections, from one address (core/wire/remote_address.ts). */
  readonly perAddress: number;
  /** Requests from one address in a minute: an account is for ever. */
  readonly perMinute: number;
  /** For a connection, from its beginning to the end of the answer, in ms. */
  readonly deadlineMs: number;
}

export const defaultRegistrationLimits: RegistrationLimits = {
  pendingMax: 256,
  perAddress: 32,
  perMinute: 60,
  deadlineMs: 10_000,
};

export interface Registration {
  /** Rejects with a CommandError where an address cannot be listened at. */
  readonly listen: (addresses: ReadonlyArray<string>) => Promise<void>;
  /** What the node says of a request. */
  readonly onRegistered: (registered: Registered) => void;
  readonly stop: () => Promise<void>;
}

const bodyLengthMax = 4096;
const headerBytesMax = 16 * 1024;
const minuteMs = 60_000;
/** Addresses that are counted in a minute; all others share one count. */
const addressesMax = 10_000;

type Fields = Pick<Register, "user" | "linkKey" | "identityKey">;

/** The fields of a request's form, or what is wrong with it. */
export const readRegistration = (body: string): Fields | string => {
  const form = new URLSearchParams(body);
  const command = form.get("command");
  if (form.get("version") !== "0") return "unknown version";
  if (command !== "register_link_key" && command !== "register_link_and_identity_key") return "unknown command";
  const user = form.get("user") ?? "";
  if (user === "") return "user is missing";
  const linkKey = keyFromText(form.get("link_key") ?? "");
  if (linkKey === null) return "link_key is no key";
  if (command === "register_link_key") return { user, linkKey, identityKey: null };
  const identityKey = keyFromText(form.get("identity_key") ?? "");
  return identityKey === null ? "identity_key is no key" : { user, linkKey, identityKey };
};

/** As text; null where it is too long or has broken off. */
const readText = async (request: IncomingMessage): Promise<string | null> => {
  const body = await readBody(request, bodyLengthMax).catch(() => null);
  return body === null ? null : Buffer.from(body).toString("utf8");
};

/** Counts requests by address, minute by minute. */
const createRates = (perMinute: number) => {
  let counts = new Map<string, number>();
  let until = 0;
  return {
    /** Whether the address may ask now. */
    take: (from: string): boolean => {
      if (performance.now() >= until) {
        counts = new Map();
        until = performance.now() + minuteMs;
      }
      const counted = counts.has(from) || counts.size < addressesMax ? from : "others";
      const taken = (counts.get(counted) ?? 0) + 1;
      if (taken > perMinute) return false;
      counts.set(counted, taken);
      return true;
    },
  };
};

export const createRegistration = ({ tell, limits }: RegistrationOptions): Registration => {
  const pending = new Map<number, (outcome: Registered["outcome"]) => void>();
  const rates = createRates(limits.perMinute);
  let requests = 0;

  const register = (fields: Fields): Promise<Registered["outcome"] | "busy"> =>
    new Promise((resolve) => {
      const id = requests++;
      if (pending.size >= limits.pendingMax) return resolve("busy");
      pending.set(id, resolve);
      if (!tell({ type: "Register", id, ...fields })) {
        pending.delete(id);
        resolve("busy");
      }
    });

  const reply = async (request: IncomingMessage): Promise<readonly [status: number, text: string]> => {
    if (request.url?.split("?")[0] !== "/registration") return [404, "not found"];
    if (request.method !== "POST") return [500, "POST is expected"];
    if (!rates.take(addressOf(remoteOf(request.socket)))) return [500, "too many requests"];
    const body = await readText(request);
    if (body === null) return [500, "the request is too long"];
    const fields = readRegistration(body);
    if (typeof fields === "string") return [500, fields];
    const outcome = await register(fields);
    return outcome === "ok" ? [200, "OK"] : [500, outcome];
  };

  const answer = async (request: IncomingMessage): Promise<HttpAnswer> => {
    const [status, text] = await reply(request);
    return { status, type: "text/plain; charset=utf-8", body: `${text}\n` };
  };

  const server = createHttpServer({
    deadlineMs: limits.deadlineMs,
    connections: limits.pendingMax,
    connectionsPerAddress: limits.perAddress,
    headerBytesMax,
    answer,
  });

  return {
    listen: async (addresses) => {
      for (const address of addresses) await server.listen(address);
    },
    onRegistered: ({ id, outcome }) => {
      pending.get(id)?.(outcome);
      pending.delete(id);
    },
    stop: server.stop,
  };
};
