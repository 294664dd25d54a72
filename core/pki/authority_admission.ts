/**
 * How many connections an authority holds, and whose (wire facts §2.7, §5.6). Strangers (and clients, whose keys are
 * nobody's) share ../wire/admission.ts's pools; nodes and authorities leave them when they have shown who they are, and
 * each has so many of its own, so that no crowd can keep a descriptor or a vote out.
 *
 * @module
 */
import type { Address } from "../system.ts";
import { type Admission, admit, type Admitted } from "../wire/admission.ts";
import { addressOf } from "../wire/remote_address.ts";

/** Ours: Go has no limits. */
export interface LinkLimits {
  /** Connections of strangers and clients; one more, and another one has to go. */
  readonly strangersMax: number;
  /** Of these, from one address (an IPv4 address or an IPv6 /64 prefix). */
  readonly strangersPerAddress: number;
  /** The same from addresses of the other authorities, besides. */
  readonly strangersOfPeersMax: number;
  /** Connections of one node or authority. */
  readonly perIdentity: number;
}

export const defaultLinkLimits: LinkLimits = {
  strangersMax: 1024,
  strangersPerAddress: 256,
  strangersOfPeersMax: 64,
  perIdentity: 16,
};

/** Takes in a connection that says it comes from `remote`; `peers` are the authorities' addresses. */
export const admitLink = (
  admission: Admission,
  limits: LinkLimits,
  connection: Address,
  remote: string,
  peers: Iterable<{ readonly addresses: ReadonlyArray<string> }>,
): Admitted => {
  const from = addressOf(remote);
  const isPeer = [...peers].some(({ addresses }) => addresses.some((address) => addressOf(address) === from));
  const { strangersMax, strangersPerAddress, strangersOfPeersMax } = limits;
  return admit(
    admission,
    { strangersMax, strangersPerAddress, peersMax: strangersOfPeersMax },
    connection,
    from,
    isPeer,
  );
};
