/**
 * What the users of a simulated network do: each registers with its Provider, and in each epoch pings the loop service
 * of another Provider and writes to the next user, at times of the seed's choice.
 *
 * @module
 */
import { utf8 } from "../../core/bytes.ts";
import { clientAddress } from "../../core/client/system.ts";
import type { ClientRequest } from "../../core/client/events.ts";
import { nodeAddress } from "../../core/mix/system.ts";
import type { Register } from "../../core/provider/registration.ts";
import type { Member, Network } from "./network.ts";
import { messageText } from "./oracles/requests.ts";
import { createPrng } from "./prng.ts";
import type { World } from "./world.ts";

/** Makes the accounts of all clients. */
export const registerAll = (world: World, { clients }: Network): void =>
  clients.forEach(({ name, provider, linkKey, identityKey }, id) => {
    const register: Register = { type: "Register", id, user: name, linkKey, identityKey };
    world.host(provider).tell(nodeAddress, register);
  });

export interface Span {
  /** ms since the run began. */
  readonly from: number;
  readonly until: number;
}

/** Plans the requests of one epoch. Ids name the epoch, so that each is used once. */
export const requestAll = (
  world: World,
  network: Network,
  seed: Uint8Array,
  epoch: number,
  idle: ReadonlyArray<string>,
  span: Span,
): void => {
  const { clients, providers } = network;
  const prng = createPrng(seed, `requests ${epoch}`);
  clients.forEach((client, i) => {
    if (idle.includes(client.name)) return;
    const ask = (request: ClientRequest): void => {
      const at = span.from + prng.below(span.until - span.from);
      world.at(at, () => world.host(client.name).tell(clientAddress, request));
    };
    const others = providers.filter((provider) => provider !== client.provider);
    ask(ping(`ping-${epoch}`, others[prng.below(others.length)] ?? client.provider));
    ask(message(`message-${epoch}`, client, clients[(i + 1) % clients.length]!));
  });
};

const ping = (id: string, provider: string): ClientRequest => ({
  type: "Query",
  id,
  target: { type: "Service", capability: "loop", provider },
  payload: utf8(id),
  lengthPrefix: false,
});

const message = (id: string, from: Member, to: Member): ClientRequest => ({
  type: "SendMessage",
  id,
  user: to.name,
  provider: to.provider,
  recipientKey: to.identityKey,
  payload: utf8(messageText(from.name, to.name, id)),
});
