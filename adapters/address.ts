/**
 * Network addresses as configuration files and descriptors write them: `host:port`, IPv6 hosts in brackets.
 *
 * @module
 */

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Null for what is no `host:port`. */
export const parseHostPort = (text: string): HostPort | null => {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\[\]:\s]+)):([0-9]{1,5})$/.exec(text);
  if (match === null) return null;
  const port = Number(match[3]);
  return port > 65_535 ? null : { host: match[1] ?? match[2]!, port };
};

export const formatHostPort = (
  host: string,
  port: number,
): string => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
