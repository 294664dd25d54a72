/**
 * No packet disappears without a reason. At every node, at every sample:
 * received + created = forwarded + delivered + dropped(reason) + held,
 * the left and the dropped by the effects that left the node, what is held by its state. With a process that is killed
 * its packets and its books are gone.
 *
 * @module
 */
import { type NodeState, packetsHeld } from "../../../core/mix/state.ts";
import { type CreateOracle, nodesOf } from "./oracle.ts";

interface Counts {
  readonly fates: Map<string, number>;
  readonly drops: Map<string, number>;
}

const add = (counts: Map<string, number>, name: string, by = 1): void =>
  void counts.set(name, (counts.get(name) ?? 0) + by);

const total = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0);

export const conservation: CreateOracle = (view, report) => {
  const noCounts = (): Counts => ({ fates: new Map(), drops: new Map() });
  const byNode = new Map(view.network.nodes.map((name) => [name, noCounts()] as const));
  let samples = 0;

  const balance = (name: string, state: NodeState, { fates, drops }: Counts): void => {
    samples++;
    const of = (fate: string): number => fates.get(`packets-${fate}`) ?? 0;
    const held = packetsHeld(state);
    const entered = of("received") + of("created");
    const left = of("forwarded") + of("delivered") + total(drops);
    if (entered === left + held) return;
    const dropped = [...drops].map(([reason, count]) => `${reason} ${count}`).join(", ");
    report(
      "safety",
      `${name}: received ${of("received")} + created ${of("created")} is not forwarded ${of("forwarded")} + ` +
        `delivered ${of("delivered")} + dropped ${total(drops)} (${dropped}) + held ${held}`,
    );
  };

  return {
    name: "conservation",
    observer: {
      crashed: (_at, host) => {
        if (byNode.has(host)) byNode.set(host, noCounts());
      },
      effects: ["Count", "Drop"],
      emission: (_at, host, { effect }) => {
        const counts = byNode.get(host);
        if (counts === undefined) return;
        if (effect.type === "Count") add(counts.fates, effect.name, effect.by);
        if (effect.type === "Drop") add(counts.drops, effect.reason);
      },
    },
    sample: () => {
      for (const [name, state] of nodesOf(view)) balance(name, state, byNode.get(name)!);
    },
    finish: () => {
      if ([...byNode.values()].every(({ fates }) => total(fates) === 0)) report("liveness", "no node saw a packet");
    },
    summary: () => {
      const all = [...byNode.values()];
      const sum = (fate: string): number => all.reduce((so, { fates }) => so + (fates.get(`packets-${fate}`) ?? 0), 0);
      const drops = new Map<string, number>();
      for (const counts of all) for (const [reason, count] of counts.drops) add(drops, reason, count);
      const reasons = [...drops].sort().map(([reason, count]) => ` ${reason} ${count}`).join(",");
      return `${samples} balances: received ${sum("received")}, created ${sum("created")}, forwarded ${
        sum("forwarded")
      }, ` +
        `delivered ${sum("delivered")}, dropped ${total(drops)}${reasons === "" ? "" : ` (${reasons.trim()})`}`;
    },
  };
};
