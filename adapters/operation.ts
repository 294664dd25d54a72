/**
 * How a daemon is operated while it runs: its management socket and its HTTP for monitoring, where the configuration
 * wants them.
 *
 * @module
 */
import type { Role } from "../core/management/verbs.ts";
import { createInquiries } from "./inquiries.ts";
import type { Logger } from "./log.ts";
import { createManagement } from "./management.ts";
import type { Metrics } from "./metrics.ts";
import type { ViewKind } from "./metrics_views.ts";
import { createObservation } from "./observation_http.ts";

export interface OperationOptions<View> {
  readonly role: Role;
  readonly identifier: string;
  /** The management socket; null for none. */
  readonly managementPath: string | null;
  /** `host:port`; null for none. */
  readonly metricsAddress: string | null;
  /** Hands an event to the machine; false where it cannot be taken. */
  readonly tell: (event: unknown) => boolean;
  readonly kind: ViewKind<View>;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly shutdown: (why: string) => void;
}

export interface Operation {
  /** Takes the events of Notify effects: true for an answer to one of its questions. */
  readonly onNotify: (event: unknown) => boolean;
  /** Rejects with a CommandError where it cannot listen. */
  readonly listen: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

interface Service {
  readonly listen: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export const createOperation = <View>(options: OperationOptions<View>): Operation => {
  const { role, identifier, managementPath, metricsAddress, tell, kind, metrics, log, shutdown } = options;
  const inquiries = createInquiries<View>(tell);
  const services: Service[] = [];
  if (managementPath !== null) {
    const stopIt = (): void => shutdown("SHUTDOWN");
    services.push(createManagement({ path: managementPath, role, identifier, inquiries, shutdown: stopIt, log }));
  }
  if (metricsAddress !== null) {
    services.push(createObservation({ address: metricsAddress, metrics, view: inquiries.status, kind }));
  }
  return {
    onNotify: inquiries.onNotify,
    listen: async () => {
      for (const service of services) await service.listen();
    },
    stop: async () => void await Promise.all(services.map((service) => service.stop())),
  };
};
