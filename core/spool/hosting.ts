/**
 * The machine between a spool plugin's Provider, its spool service, its replicas and other replicas (drafts/dspool.rst
 * §8.1, §8.2): hands requests on, makes replicas when a root key asks for one and brings them back after a restart, and
 * chooses the way to a replica elsewhere: a direct link where it has one and the operator allows it, else a query over
 * the mix network.
 *
 *     dspool-hosted    spool 32 -> version 1 | spool key 64
 *
 * @module
 */
import { concat, toHex } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { count, type Effect, log, type StoreEvent, type StoreFailure, tell } from "../effects.ts";
import { absurd, type Context, type Machine, type Tick } from "../machine.ts";
import { epochAt } from "../pki/epoch.ts";
import { draws } from "../random.ts";
import type { Geometry } from "../sphinx/geometry.ts";
import { refuseToStart } from "../restoring.ts";
import {
  answer,
  answerFramed,
  answerHosted,
  endHostingTurn,
  hold,
  type Hosted,
  type HostingState,
  type HostingTurn,
  newHostingState,
  replicaAddress,
  serviceAddress,
  takeId,
  update,
} from "./hosting_state.ts";
import {
  type Carry,
  type HostingConfig,
  type HostingEvent,
  type LinkSend,
  type SpoolsReady,
  type SpoolsRequest,
} from "./hosting_types.ts";
import {
  dropGraves,
  gravesTable,
  hostedTable,
  lookForOrphans,
  onBuried,
  onEnded,
  onOrphanScanned,
  onPurge,
  onRetired,
  onSweepCommitted,
  onSweepScanned,
  restoreGrave,
  showGrave,
} from "./hosting_graves.ts";
import { decodePurge } from "./purge.ts";
import { decodeHost, type HostRequest, isArray, unframed, verifyHost } from "./hosting_wire.ts";
import type { PeerReplied, PeerSend, ReplicaConfig, ReplicaRequest } from "./replica_types.ts";
import { decodeRequest, encodeReply } from "./replica_wire.ts";
import { spoolGeometry, type SpoolRequest } from "./service_types.ts";
import type { Address } from "../system.ts";

const version = 1;
/** In the order in which they are read back. */
const restoredTables = [hostedTable, gravesTable];
const restorePage = 64;
const epochsApartMax = 1;
/** Where the carrier is (core/client). */
const carrierAddress = "client";

export type HostingMachine = Machine<HostingConfig, HostingState, HostingEvent, Effect>;

/** The machine; it first reads back which replicas there are and answers `busy` until then. */
export const createHosting = (suite: Suite, geometry: Geometry): HostingMachine => {
  const lengths = spoolGeometry(geometry);
  const turnOf = (context: Context, state: HostingState): HostingTurn => ({
    suite,
    geometry: lengths,
    context,
    state,
    effects: [],
  });
  return {
    start: (context, config) => {
      const turn = turnOf(context, newHostingState(context, config));
      restoreFrom(turn, 0, null);
      return endHostingTurn(turn);
    },
    step: (context, state, event) => {
      const turn = turnOf(context, state);
      enterEpoch(turn);
      handle(turn, event);
      return endHostingTurn(turn);
    },
  };
};

const enterEpoch = (turn: HostingTurn): void => {
  const { epoch } = epochAt(turn.state.config.clock, turn.context.wall);
  if (epoch <= turn.state.epoch) return;
  update(turn, { epoch, hosts: 0 });
  dropGraves(turn);
};

const handle = (turn: HostingTurn, event: HostingEvent | Tick): void => {
  switch (event.type) {
    case "SpoolsRequest":
      return onRequest(turn, event);
    case "SpoolResponse":
      return answer(turn, event.id, event.payload, event.length);
    case "ServiceRestored":
      return onMachineRestored(turn, serviceAddress);
    case "ReplicaRestored":
      return onMachineRestored(turn, replicaAddress(event.spool));
    case "ReplicaReply":
      return answerFramed(turn, event.id, event.bytes);
    case "ReplicaHolds":
      return hold(turn, toHex(event.spool), event.bytes);
    case "ReplicaEnded":
      return onEnded(turn, event);
    case "ReplicaRetired":
      onRetired(turn, event.spool);
      return onMachineRestored(turn, replicaAddress(event.spool));
    case "PeerSend":
      return onPeerSend(turn, event);
    case "LinkReplied":
    case "Carried":
      return onCarried(turn, event.id, event.payload);
    case "Committed":
      return onCommitted(turn, event.id, null);
    case "CommitFailed":
      return onCommitted(turn, event.id, event.reason);
    case "Scanned":
    case "ScanFailed":
      return onScanned(turn, event);
    case "ReplayTested":
    case "Tick":
      return;
    default:
      return absurd(event);
  }
};

const onScanned = (turn: HostingTurn, event: Extract<StoreEvent, { type: "Scanned" | "ScanFailed" }>): void => {
  if (turn.state.restoring?.id === event.id) onRestored(turn, event);
  else if (!onSweepScanned(turn, event) && onOrphanScanned(turn, event)) tellReady(turn);
};

/* Requests */

const onRequest = (turn: HostingTurn, { id, payload }: SpoolsRequest): void => {
  const bytes = payload.length === turn.geometry.userPayloadLength ? unframed(payload) : null;
  if (bytes === null || !isArray(bytes)) {
    const request: SpoolRequest = { type: "SpoolRequest", id, payload };
    return void turn.effects.push(tell(serviceAddress, request));
  }
  const host = decodeHost(bytes);
  if (host !== null) return onHost(turn, id, host);
  const purge = decodePurge(bytes);
  if (purge !== null) return onPurge(turn, id, purge);
  const spool = decodeRequest(bytes)?.spool;
  if (spool === undefined) return refuse(turn, id, "malformed");
  if (!turn.state.hosted.has(toHex(spool))) {
    const signature = turn.state.graves.get(toHex(spool))?.signature ?? null;
    if (signature !== null) return showGrave(turn, id, signature);
    return refuse(turn, id, turn.state.restoring === null ? "unknown-spool" : "busy");
  }
  const request: ReplicaRequest = { type: "ReplicaRequest", id, bytes, room: roomOf(turn) };
  turn.effects.push(tell(replicaAddress(spool), request));
};

const roomOf = ({ state: { config, heldBytes } }: HostingTurn): number => Math.max(0, config.bytesMax - heldBytes);

const refuse = (turn: HostingTurn, id: number, status: string): void => {
  turn.effects.push(count("dspool-refused", status));
  answerFramed(turn, id, encodeReply({ type: "refused", status }));
};

/* New replicas */

const onHost = (turn: HostingTurn, id: number, request: HostRequest): void => {
  const { hosted, founding, graves, hosts, config, restoring, orphans, epoch } = turn.state;
  if (Math.abs(request.epoch - epoch) > epochsApartMax) return answerHosted(turn, id, "wrong-epoch");
  if (!verifyHost(turn.suite, request)) return answerHosted(turn, id, "wrong-signature");
  const known = hosted.get(toHex(request.spool));
  if (known !== undefined) return answerHosted(turn, id, "ok", known);
  const isUnderWay = founding.some(({ spool }) => toHex(spool) === toHex(request.spool));
  const grave = graves.get(toHex(request.spool));
  if (grave !== undefined && grave.signature !== null) return answerHosted(turn, id, "purged");
  // What is left of a spool of that name goes first.
  const isClean = restoring === null && orphans === null && grave === undefined;
  if (!isClean || isUnderWay) return answerHosted(turn, id, "busy");
  const isFull = hosted.size + founding.size + graves.size >= config.hostedMax || hosts >= config.hostsPerEpochMax;
  return isFull ? answerHosted(turn, id, "full") : found(turn, id, request.spool.slice());
};

const found = (turn: HostingTurn, request: number, spool: Uint8Array): void => {
  const seed = draws(turn.context.seed)("spool-key").bytes(32);
  const privateKey = concat(seed, turn.suite.ed25519Public(seed));
  const commit = takeId(turn);
  const founding = turn.state.founding.set(commit, { spool, privateKey, request });
  update(turn, { founding, hosts: turn.state.hosts + 1 });
  const value = concat(Uint8Array.of(version), privateKey);
  turn.effects.push({ type: "Commit", id: commit, writes: [{ table: hostedTable, key: spool, value }] });
};

const onCommitted = (turn: HostingTurn, commit: number, failure: StoreFailure | null): void => {
  if (onBuried(turn, commit, failure) || onSweepCommitted(turn, commit, failure)) return;
  const one = turn.state.founding.get(commit);
  if (one === undefined) return;
  update(turn, { founding: turn.state.founding.delete(commit) });
  if (failure !== null) {
    turn.effects.push(log("WARNING", "dspool-store", "the store did not take a new replica", { failure }));
    return answerHosted(turn, one.request, failure === "full" ? "disk-full" : "store-failed");
  }
  host(turn, one);
  answerHosted(turn, one.request, "ok", one.privateKey.slice(32));
};

const host = (turn: HostingTurn, { spool, privateKey }: Hosted): void => {
  const { clock, bytesPerReplicaMax, lifetimeEpochs, messageLifetimeEpochs } = turn.state.config;
  const { pullMeanMs, retryMs, deadlineMs } = turn.state.config;
  const config: ReplicaConfig = {
    spool,
    privateKey,
    clock,
    capacity: turn.geometry.requestLengthMax,
    bytesMax: bytesPerReplicaMax,
    lifetimeEpochs,
    messageLifetimeEpochs,
    pullMeanMs,
    retryMs,
    deadlineMs,
  };
  update(turn, { hosted: turn.state.hosted.set(toHex(spool), privateKey.slice(32)) });
  turn.effects.push({ type: "Spawn", at: replicaAddress(spool), kind: "replica", config });
};

/* To other replicas */

/** `recipient@provider`; null for the address of a direct link. */
const mixAddress = (address: string): { readonly recipient: string; readonly provider: string } | null => {
  const at = address.lastIndexOf("@");
  return at <= 0 ? null : { recipient: address.slice(0, at), provider: address.slice(at + 1) };
};

const onPeerSend = (turn: HostingTurn, { spool, id: request, to: { key, addresses }, bytes }: PeerSend): void => {
  const { usesLinks, hasClient } = turn.state.config;
  const [asker, peer] = [replicaAddress(spool), toHex(key)];
  // A replica that asks the same one again has given the last request up.
  const carried = turn.state.carried.filter((one) => one.replica !== asker || one.peer !== peer);
  const id = takeId(turn);
  update(turn, { carried: carried.set(id, { replica: asker, peer, request }) });
  const link = usesLinks ? addresses.find((one) => mixAddress(one) === null) : undefined;
  if (link !== undefined) {
    const event: LinkSend = { type: "LinkSend", id, address: link, bytes };
    return void turn.effects.push({ type: "Notify", event });
  }
  const mix = hasClient ? addresses.map(mixAddress).find((one) => one !== null) : undefined;
  if (mix === undefined || mix === null) return onCarried(turn, id, null);
  turn.effects.push(tell(carrierAddress, { type: "Carry", id, ...mix, bytes } satisfies Carry));
};

const onCarried = (turn: HostingTurn, id: number, payload: Uint8Array | null): void => {
  const asker = turn.state.carried.get(id);
  if (asker === undefined) return;
  update(turn, { carried: turn.state.carried.delete(id) });
  const bytes = payload === null ? null : unframed(payload);
  const event: PeerReplied = { type: "PeerReplied", id: asker.request, bytes, room: roomOf(turn) };
  turn.effects.push(tell(asker.replica, event));
};

/* Restoring */

const restoreFrom = (turn: HostingTurn, table: number, after: Uint8Array | null): void => {
  const id = takeId(turn);
  update(turn, { restoring: { id, table } });
  turn.effects.push({ type: "Scan", id, table: restoredTables[table]!, after, limit: restorePage });
};

const restoreHosted = (turn: HostingTurn, key: Uint8Array, value: Uint8Array): boolean => {
  if (value[0] !== version) return false;
  const spool = key.slice();
  update(turn, { awaited: new Set([...turn.state.awaited ?? [], replicaAddress(spool)]) });
  host(turn, { spool, privateKey: value.slice(1) });
  return true;
};

const onRestored = (turn: HostingTurn, event: Extract<StoreEvent, { type: "Scanned" | "ScanFailed" }>): void => {
  const { restoring } = turn.state;
  if (restoring === null) return;
  if (event.type === "ScanFailed") return refuseStart(turn, `the store cannot be read: ${event.reason}`);
  const table = restoredTables[restoring.table]!;
  const restore = table === hostedTable ? restoreHosted : restoreGrave;
  for (const { key, value } of event.entries) {
    if (!restore(turn, key, value)) return refuseStart(turn, `${table} was written by another version`);
  }
  const last = event.entries.at(-1);
  if (last !== undefined && event.entries.length === restorePage) return restoreFrom(turn, restoring.table, last.key);
  if (restoring.table + 1 < restoredTables.length) return restoreFrom(turn, restoring.table + 1, null);
  update(turn, { restoring: null });
  lookForOrphans(turn);
};

const onMachineRestored = (turn: HostingTurn, machine: Address): void => {
  const { awaited } = turn.state;
  if (awaited === null) return;
  update(turn, { awaited: new Set([...awaited].filter((one) => one !== machine)) });
  tellReady(turn);
};

const tellReady = (turn: HostingTurn): void => {
  const { restoring, orphans, awaited } = turn.state;
  if (restoring !== null || orphans !== null || awaited === null || awaited.size > 0) return;
  update(turn, { awaited: null });
  turn.effects.push({ type: "Notify", event: { type: "SpoolsReady" } satisfies SpoolsReady });
};

const refuseStart = (turn: HostingTurn, message: string): void => {
  turn.effects.push(refuseToStart(message));
};
