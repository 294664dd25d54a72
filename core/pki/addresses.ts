/**
 * What a descriptor may say of a node's addresses (wire-facts §5.2): literal IP addresses under `tcp4` and `tcp6`, for
 * Providers also DNS names under `tcp` and anything under transports of a client's choice.
 *
 * Internationalised names are checked by their letters only (UTS 46 without its mapping tables).
 *
 * @module
 */

export type Addresses = ReadonlyMap<string, ReadonlyArray<string>>;

export interface HostPort {
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** A node needs few: more is abuse of whoever tries them in turn. */
const transportsMax = 16;
const addressesMax = 16;
const addressLengthMax = 512;

/** `host:port` or `[IPv6]:port`; null where the port is 0 or anything is missing. */
export const splitHostPort = (address: string): HostPort | null => {
  const match = /^(?:\[([^[\]]+)\]|([^[\]:]+)):([0-9]{1,5})$/.exec(address);
  if (match === null) return null;
  const port = Number(match[3]);
  return port >= 1 && port <= 65535 ? { host: (match[1] ?? match[2])!, port } : null;
};

const isIpv4 = (host: string): boolean => {
  const parts = host.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256);
};

/** How many of the eight 16-bit groups some text between colons stands for; null where it is none. */
const groupsIn = (text: string, last: boolean): number | null => {
  if (text === "") return 0;
  const parts = text.split(":");
  const tail = last && isIpv4(parts.at(-1)!) ? 1 : 0;
  const groups = parts.slice(0, parts.length - tail);
  return groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) ? groups.length + 2 * tail : null;
};

const isIpv6 = (host: string): boolean => {
  const halves = host.split("::");
  if (halves.length > 2) return false;
  const counts = halves.map((half, index) => groupsIn(half, index === halves.length - 1));
  const groups = counts.reduce((sum, some) => (sum === null || some === null ? null : sum + some), 0 as number | null);
  return groups !== null && (halves.length === 1 ? groups === 8 : groups <= 7);
};

// Go takes an IPv4 address in IPv6 notation for an IPv4 address.
const isMappedIpv4 = (host: string): boolean =>
  isIpv6(host) && /^(0{0,4}:){0,5}:?ffff:([0-9.]+|[0-9a-f]{1,4}:[0-9a-f]{1,4})$/i.test(host);

/** 4 or 6 for a literal IP address without a zone, else null. */
export const ipVersion = (host: string): 4 | 6 | null => {
  if (isIpv4(host) || isMappedIpv4(host)) return 4;
  return isIpv6(host) ? 6 : null;
};

const isLabel = (label: string): boolean => {
  if (label.length < 1 || label.length > 63 || label.startsWith("-") || label.endsWith("-")) return false;
  if (label.slice(2, 4) === "--" && !/^xn--[a-z0-9-]+$/i.test(label)) return false;
  return /^[a-z0-9-]+$/i.test(label) || /^(?!\p{M})[-\p{L}\p{M}\p{Nd}]+$/u.test(label);
};

/** A DNS name (perhaps internationalised), perhaps with its final dot. */
export const isHostName = (host: string): boolean =>
  host.length <= 253 && host.replace(/\.$/, "").split(".").every(isLabel);

const isAddressOf = (transport: string) => (address: string): boolean => {
  if (address.length > addressLengthMax) return false;
  const parsed = splitHostPort(address);
  if (parsed === null) return false;
  if (transport === "tcp") return isHostName(parsed.host);
  return ipVersion(parsed.host) === (transport === "tcp4" ? 4 : 6);
};

const isTransport = (transport: string, list: ReadonlyArray<string>, isProvider: boolean): boolean => {
  if (transport === "" || list.length === 0 || list.length > addressesMax) return false;
  if (transport === "tcp4" || transport === "tcp6") return list.every(isAddressOf(transport));
  if (!isProvider) return false;
  return transport === "tcp"
    ? list.every(isAddressOf(transport))
    : list.every((address) => address.length <= addressLengthMax);
};

/** At least one `tcp4` address, and nothing that other nodes or clients could not use. */
export const areAddressesValid = (addresses: Addresses, isProvider: boolean): boolean =>
  addresses.has("tcp4") && addresses.size <= transportsMax &&
  [...addresses].every(([transport, list]) => isTransport(transport, list, isProvider));
