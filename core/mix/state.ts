/**
 * The state of a node, and the one place that derives its next deadline.
 *
 * @module
 */
import type { PersistentMap } from "../collections/map.ts";
import { earliest, type Mono } from "../machine.ts";
import type { Schedule } from "../pki/epoch.ts";
import type { ProviderState } from "../provider/provider.ts";
import type { Services } from "../provider/services.ts";
import type { Geometry } from "../sphinx/geometry.ts";
import type { Address } from "../system.ts";
import type { Restoring } from "../restoring.ts";
import type { NodeConfig } from "./config.ts";
import type { Connections } from "./connection_table.ts";
import type { Decoys } from "./decoy_state.ts";
import { type DelayQueue, nextDue, queueSize } from "./delay_queue.ts";
import type { Documents } from "./documents.ts";
import type { DropReason } from "./drop_reason.ts";
import type { MixKeys } from "./keys.ts";
import type { Links } from "./link_table.ts";
import type { Plugins } from "./plugins.ts";
import type { Publications, Unkept } from "./publication.ts";
import type { Inspection } from "./reception.ts";

/** Packets so far: received + created = forwarded + delivered + dropped + `packetsHeld`. */
export interface Tally {
  /** From peers. */
  readonly received: number;
  /** By this node: replies to SURBs, and its own loops. */
  readonly created: number;
  readonly forwarded: number;
  readonly delivered: number;
  readonly dropped: PersistentMap<DropReason, number>;
}

export interface Identity {
  /** Ed25519, 32 bytes. */
  readonly key: Uint8Array;
  /** The same in hex. */
  readonly id: string;
  /** X25519, 32 bytes. */
  readonly linkKey: Uint8Array;
}

export interface NodeState {
  readonly config: NodeConfig;
  readonly schedule: Schedule;
  readonly identity: Identity;
  /** Null once everything has been read back from the store. */
  readonly restoring: Restoring | null;
  /** For requests to the store, to unwrap, and to sessions. */
  readonly nextId: number;
  /** The epoch in which the schedule ran last. */
  readonly epoch: number | null;
  /** How much later than others this node fetches the next document, in ms; drawn anew each epoch. */
  readonly staggerMs: number;
  readonly keys: MixKeys;
  readonly documents: Documents;
  /** Epochs that the directory has been asked for. */
  readonly fetching: PersistentMap<number, true>;
  readonly publications: Publications;
  /** What the store has not taken, to keep or to delete: it is given it again when the schedule runs. */
  readonly unkept: Unkept | null;
  readonly connections: Connections;
  readonly links: Links;
  readonly inspections: PersistentMap<number, Inspection>;
  /** The last epoch whose key was found to have too many replay tags. */
  readonly tagsFull: number | null;
  readonly queue: DelayQueue;
  /** The sessions of packets that have been handed over, by the id of the Send. */
  readonly sending: PersistentMap<number, Address>;
  readonly decoys: Decoys;
  readonly provider: ProviderState | null;
  readonly services: Services;
  readonly plugins: Plugins;
  readonly tally: Tally;
  readonly deadlines: {
    /** The schedule of wire-facts §5.7 runs again. */
    readonly schedule: Mono | null;
    readonly reauth: Mono | null;
  };
}

export const packetsHeld = ({ inspections, queue, sending, provider, plugins }: NodeState): number =>
  inspections.size + queueSize(queue) + sending.size + (provider?.storing ?? 0) + plugins.asked.size;

export const wakeAt = ({ deadlines, queue, links, decoys }: NodeState): Mono | null =>
  earliest(deadlines.schedule, deadlines.reauth, nextDue(queue), links.dialAt, decoys.sendAt);

/** Packets that may wait for their delay. */
export const queueCapacity = ({ limits }: NodeConfig, { packetLength }: Geometry): number =>
  limits.schedulerQueueSize > 0
    ? limits.schedulerQueueSize
    : Math.max(1, Math.floor(limits.schedulerQueueBytes / packetLength));
