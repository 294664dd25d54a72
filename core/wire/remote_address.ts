/**
 * What counts as one address when connections are counted: an IPv4 address, and of an IPv6 address its /64 prefix:
 * whoever has one address of a prefix has all of them.
 *
 * @module
 */
import { ipVersion } from "../pki/addresses.ts";

/** The address of `host:port`, as one text for all ways to write it; another host stands for itself. */
export const addressOf = (hostPort: string): string => {
  const host = hostPort.slice(0, Math.max(0, hostPort.lastIndexOf(":"))) || hostPort;
  return addressOfHost(host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host);
};

const addressOfHost = (host: string): string => {
  const zone = host.indexOf("%");
  const literal = zone < 0 ? host : host.slice(0, zone);
  if (!literal.includes(":")) return literal;
  const groups = groupsOf(literal);
  if (ipVersion(literal) === 4) return dotted(groups.slice(6));
  return ipVersion(literal) === 6 ? `${groups.slice(0, 4).map((group) => group.toString(16)).join(":")}::/64` : host;
};

/** The eight groups of an IPv6 address. */
const groupsOf = (literal: string): ReadonlyArray<number> => {
  const [head = "", tail] = literal.split("::");
  const [before, behind] = [numbersIn(head), numbersIn(tail ?? "")];
  const missing = tail === undefined ? 0 : Math.max(0, 8 - before.length - behind.length);
  return [...before, ...new Array<number>(missing).fill(0), ...behind];
};

const numbersIn = (text: string): ReadonlyArray<number> =>
  text === "" ? [] : text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });

const dotted = (groups: ReadonlyArray<number>): string =>
  groups.flatMap((group) => [group >> 8, group & 255]).join(".");
