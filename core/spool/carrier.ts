/**
 * The client session of a spool plugin, which carries what its replicas say to those of other Providers (dspool §8.1,
 * subscriptions; which way is left open there): the client machine as it is, under the same lambda profile as every
 * user's, with a door for `Carry`. Each is one query; its outcome becomes `Carried`.
 *
 * @module
 */
import type { ClientNotice, ClientRequest } from "../client/events.ts";
import { type Effect, tell } from "../effects.ts";
import type { Context, Machine, Step, Tick } from "../machine.ts";
import { type Carried, type Carry, spoolsAddress } from "./hosting_types.ts";

const prefix = "carry/";

const queryOf = ({ id, recipient, provider, bytes }: Carry): ClientRequest => ({
  type: "Query",
  id: `${prefix}${id}`,
  target: { type: "Recipient", recipient, provider },
  payload: bytes,
  lengthPrefix: true,
});

/** The end of a query of ours; undefined for what is not one. */
const outcomeOf = (notice: ClientNotice): Uint8Array | null | undefined => {
  switch (notice.type) {
    case "Reply":
      return notice.payload;
    case "Timeout":
    case "Failed":
    case "Refused":
      return null;
    default:
      return undefined;
  }
};

const heard = (effect: Effect): Effect => {
  if (effect.type !== "Notify") return effect;
  const notice = effect.event as ClientNotice;
  const payload = outcomeOf(notice);
  if (payload === undefined || !("id" in notice) || !notice.id.startsWith(prefix)) return effect;
  const carried: Carried = { type: "Carried", id: Number(notice.id.slice(prefix.length)), payload };
  return tell(spoolsAddress, carried);
};

/** A client machine that carries, too. */
export const createCarrier = <Config, State, Event extends { readonly type: string }>(
  client: Machine<Config, State, Event | ClientRequest, Effect>,
): Machine<Config, State, Event | ClientRequest | Carry, Effect> => {
  const told = (step: Step<State, Effect>): Step<State, Effect> => ({ ...step, effects: step.effects.map(heard) });
  return {
    start: (context, config) => told(client.start(context, config, undefined)),
    step: (context: Context, state: State, event: Event | ClientRequest | Carry | Tick) =>
      told(client.step(context, state, isCarry(event) ? queryOf(event) : event)),
  };
};

const isCarry = (event: { readonly type: string }): event is Carry => event.type === "Carry";
