/**
 * The process of a spool plugin as a system: the spool service, the replicas that it hosts, the machine between them
 * and the Provider (hosting.ts), and the client session that carries between replicas. The same for production and
 * simulation.
 *
 * @module
 */
import { createClientMachine } from "../client/client.ts";
import type { ClientConfig } from "../client/config.ts";
import { directoryAddress } from "../client/documents.ts";
import { clientAddress } from "../client/link.ts";
import type { Kit } from "../client/state.ts";
import { type Effect, type Spawn, tell } from "../effects.ts";
import { createDirectoryMachine, type DirectoryConfig } from "../pki/directory.ts";
import { type AnyMachine, createSystem, type System } from "../system.ts";
import { createSession } from "../wire/session.ts";
import { createCarrier } from "./carrier.ts";
import { createHosting } from "./hosting.ts";
import { type HostingConfig, spoolsAddress } from "./hosting_types.ts";
import { createReplica } from "./replica.ts";
import { createSpoolService } from "./service.ts";
import { serviceAddress } from "./hosting_state.ts";
import type { SpoolServiceConfig } from "./service_types.ts";

/** What the machine says goes to the one between it and the Provider. */
const reporting = (machine: AnyMachine): AnyMachine => {
  const told = (effect: Effect): Effect => effect.type === "Notify" ? tell(spoolsAddress, effect.event) : effect;
  return {
    start: (context, config, restored) => {
      const step = machine.start(context, config, restored);
      return { ...step, effects: step.effects.map(told) };
    },
    step: (context, state, event) => {
      const step = machine.step(context, state, event);
      return { ...step, effects: step.effects.map(told) };
    },
  };
};

/** The kinds of machines of a spool plugin's process. */
export const createSpoolSystem = ({ suite, geometry }: Kit): System =>
  createSystem({
    spools: createHosting(suite, geometry),
    service: reporting(createSpoolService(suite, geometry)),
    replica: reporting(createReplica(suite)),
    client: createCarrier(createClientMachine({ suite, geometry })),
    directory: createDirectoryMachine(suite),
    session: createSession({ suite, geometry }),
  });

export interface SpoolSystemConfig {
  readonly service: SpoolServiceConfig;
  readonly hosting: Omit<HostingConfig, "clock" | "hasClient">;
  /** The account by which replicas reach those of other Providers; null: only over direct links. */
  readonly client: ClientConfig | null;
}

const bootCarrier = (client: ClientConfig): ReadonlyArray<Spawn> => {
  const directory: DirectoryConfig = {
    self: directoryAddress,
    owner: clientAddress,
    authorities: client.authorities,
    credentials: null,
    clock: client.clock,
  };
  return [
    { type: "Spawn", at: directoryAddress, kind: "directory", config: directory },
    { type: "Spawn", at: clientAddress, kind: "client", config: client },
  ];
};

/** The machines that a spool plugin starts with. Requests go to `spoolsAddress`. */
export const bootSpools = ({ service, hosting, client }: SpoolSystemConfig): ReadonlyArray<Spawn> => {
  const config: HostingConfig = { ...hosting, clock: service.clock, hasClient: client !== null };
  return [
    ...(client === null ? [] : bootCarrier(client)),
    { type: "Spawn", at: serviceAddress, kind: "service", config: service },
    { type: "Spawn", at: spoolsAddress, kind: "spools", config },
  ];
};
