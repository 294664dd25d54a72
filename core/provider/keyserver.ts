/**
 * The keyserver (drafts/keyserver.rst §3, wire-facts §8.1): tells the identity key of a user. A user who has none and
 * one who does not exist get the same answer.
 *
 * As the Go server writes it, keys are base64 (D27: the document says hex), and a malformed request is answered with an
 * empty user. Unlike there, names are looked up in their mapped form.
 *
 * @module
 */
import { concat, toBase64, utf8 } from "../bytes.ts";
import { encodeJson, jsonInteger } from "../codec/json.ts";
import { decodeJson } from "../codec/json_reader.ts";
import { E } from "../fp.ts";
import type { Handler } from "./services.ts";
import { type NameRules, trimZeros, userName } from "./user_name.ts";
import { userId, type Users } from "./users.ts";

const version = 0;
const status = { ok: 0, syntaxError: 1, noIdentity: 2 } as const;
/** A name of 64 bytes, escaped, and the rest. */
const requestLengthMax = 1024;

/** The user of a request, or null: exactly the fields Version (0) and User. A missing Version is 0, as in Go. */
const requestedUser = (payload: Uint8Array): string | null => {
  const bytes = trimZeros(payload);
  const decoded = bytes.length > requestLengthMax ? null : decodeJson(bytes);
  if (decoded === null || E.isLeft(decoded) || !(decoded.right instanceof Map)) return null;
  const fields: ReadonlyMap<string, unknown> = decoded.right;
  if ([...fields.keys()].some((name) => name !== "Version" && name !== "User")) return null;
  if (decoded.right.has("Version") && jsonInteger(decoded.right.get("Version")) !== version) return null;
  const user = fields.get("User") ?? "";
  return typeof user === "string" ? user : null;
};

// The dialect of descriptors writes integers as strings; this service writes them bare, in the same order of names.
const encodeResponse = (statusCode: number, user: string, publicKey: Uint8Array | null): Uint8Array =>
  concat(
    utf8('{"PublicKey":'),
    encodeJson(publicKey === null ? "" : toBase64(publicKey)),
    utf8(`,"StatusCode":${statusCode},"User":`),
    encodeJson(user),
    utf8(`,"Version":${version}}`),
  );

const lookUp = (rules: NameRules, users: Users, user: string): Uint8Array | null => {
  const name = userName(rules, utf8(user));
  return name === null ? null : users.get(userId(name))?.identityKey ?? null;
};

export const keyserver = (rules: NameRules): Handler => (users, { hasSurb, payload }) => {
  if (!hasSurb) return { type: "NoReply" };
  const user = requestedUser(payload);
  if (user === null) return { type: "Reply", data: encodeResponse(status.syntaxError, "", null) };
  const key = lookUp(rules, users, user);
  return { type: "Reply", data: encodeResponse(key === null ? status.noIdentity : status.ok, user, key) };
};
