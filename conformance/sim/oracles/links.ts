/**
 * Faults that have passed leave nothing behind: every link that the document wants is up, every host runs, and every
 * client is connected.
 *
 * @module
 */
import { clientsOf, type CreateOracle, isCalm, nodesOf } from "./oracle.ts";

/** A connection may break for a moment, as keys or documents change: it is missed when down in so many samples. */
const samplesMax = 3;

export const links: CreateOracle = (view, report) => {
  const missing = new Map<string, number>();
  let up = 0;

  const see = (what: string, isUp: boolean): void => {
    if (isUp) up++;
    const times = isUp ? 0 : (missing.get(what) ?? 0) + 1;
    missing.set(what, times);
    if (times === samplesMax) report("liveness", `${what} is down`);
  };

  const { network, system } = view;
  return {
    name: "links",
    sample: () => {
      // Before the settling time of a start has passed nothing can be missed.
      if (!isCalm(view) || view.now() < 2 * view.clock.periodMs) return missing.clear();
      for (const { name } of network.hosts) see(name, system(name) !== null);
      for (const [host, { links: { byId }, documents }] of nodesOf(view)) {
        const nameOf = (id: string): string => byId.get(id)?.descriptor.name ?? id;
        for (const [id, { phase }] of byId) see(`the link from ${host} to ${nameOf(id)}`, phase.type === "up");
        see(`${host} (it knows no document)`, documents.known.size > 0);
      }
      for (const [host, { link }] of clientsOf(view)) see(`the connection of ${host}`, link.type === "Up");
    },
    summary: () => `${up} times something was up that had to be`,
  };
};
