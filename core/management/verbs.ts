/**
 * The verbs of the management socket (handbook/mix_server.rst, "Runtime configuration changes with the management
 * socket"; wire-facts §10), one line each. As in Go, the verb's case does not count, arguments are parted by exactly
 * one space, and what belongs to Providers is unknown elsewhere.
 *
 * Ours: STATUS, whose reply is one line of JSON.
 *
 * @module
 */
import { keyFromText } from "../pki/text_key.ts";
import type { ReplyCode } from "./reply.ts";
import type { ManageRequest } from "./request.ts";

export type Role = "mix" | "provider" | "authority";

/** What a line asks for. */
export type Asked =
  | { readonly type: "Quit" }
  | { readonly type: "Shutdown" }
  | { readonly type: "Status" }
  /** `echo` is the reply's text where that is not the code's own. */
  | { readonly type: "Manage"; readonly request: ManageRequest; readonly echo: string | null }
  | { readonly type: "Refused"; readonly code: ReplyCode };

type Arguments = ReadonlyArray<string>;
/** Null: the arguments are wrong. */
type Verb = (words: Arguments) => Asked | null;

const manage = (request: ManageRequest, echo: string | null = null): Asked => ({ type: "Manage", request, echo });

const userVerb = (type: "RemoveUser" | "UserIdentity" | "UserLink"): Verb => ([user, ...rest]) =>
  user === undefined || rest.length > 0 ? null : manage({ type, user });

const linkKeyVerb = (type: "AddUser" | "UpdateUser"): Verb => ([user, key, ...rest]) => {
  const linkKey = keyFromText(key ?? "");
  return user === undefined || linkKey === null || rest.length > 0 ? null : manage({ type, user, linkKey });
};

const setUserIdentity: Verb = ([user, key, ...rest]) => {
  const identityKey = key === undefined ? null : keyFromText(key);
  if (user === undefined || rest.length > 0 || (key !== undefined && identityKey === null)) return null;
  return manage({ type: "SetUserIdentity", user, identityKey });
};

const removeUserIdentity: Verb = ([user, ...rest]) =>
  user === undefined || rest.length > 0 ? null : manage({ type: "SetUserIdentity", user, identityKey: null });

const uint64Max = 2n ** 64n - 1n;
const uint64Digits = 20;

/** An unsigned number of 64 bits in decimal; what does not fit a number exactly is as good as no limit. */
const numberVerb = (request: (value: number) => ManageRequest): Verb => ([text, ...rest]) => {
  if (text === undefined || rest.length > 0 || !/^[0-9]+$/.test(text)) return null;
  const digits = text.replace(/^0+(?=.)/, "");
  const value = digits.length <= uint64Digits ? BigInt(digits) : uint64Max + 1n;
  if (value > uint64Max) return null;
  return manage(request(Math.min(Number(value), Number.MAX_SAFE_INTEGER)), digits);
};

const always = (asked: Asked): Verb => () => asked;

const common: Readonly<Record<string, Verb>> = {
  QUIT: always({ type: "Quit" }),
  SHUTDOWN: always({ type: "Shutdown" }),
  STATUS: ({ length }) => (length === 0 ? { type: "Status" } : null),
};

const ofProviders: Readonly<Record<string, Verb>> = {
  ADD_USER: linkKeyVerb("AddUser"),
  UPDATE_USER: linkKeyVerb("UpdateUser"),
  REMOVE_USER: userVerb("RemoveUser"),
  SET_USER_IDENTITY: setUserIdentity,
  REMOVE_USER_IDENTITY: removeUserIdentity,
  USER_IDENTITY: userVerb("UserIdentity"),
  USER_LINK: userVerb("UserLink"),
  SEND_RATE: numberVerb((ratePerMinute) => ({ type: "SendRate", ratePerMinute })),
  SEND_BURST: numberVerb((burst) => ({ type: "SendBurst", burst })),
};

const tables: Readonly<Record<Role, ReadonlyMap<string, Verb>>> = {
  mix: new Map(Object.entries(common)),
  provider: new Map(Object.entries({ ...common, ...ofProviders })),
  authority: new Map(Object.entries(common)),
};

/** Reads a line, without its end. */
export const readLine = (role: Role, line: string): Asked => {
  const [word, ...words] = line.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "").split(" ");
  const verb = tables[role].get(word!.toUpperCase());
  if (verb === undefined) return { type: "Refused", code: 500 };
  return verb(words) ?? { type: "Refused", code: 501 };
};
