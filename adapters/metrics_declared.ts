/**
 * Every metric of a process: the counters of the machines (Count and Drop of core/effects.ts), with the closed sets of
 * reasons that label them, and what adapters measure. Machines name reasons; here they become visible before the first
 * of them occurs.
 *
 * @module
 */
import { dropReasons } from "../core/mix/drop_reason.ts";
import { closeReasons } from "../core/mix/hang_up.ts";
import { unreadyReasons } from "../core/mix/node_view.ts";
import { refusalReasons } from "../core/wire/admission.ts";
import { downReasons, sendDropReasons } from "../core/wire/session.ts";
import type { Declared } from "./metrics.ts";
import {
  descriptorRefusals,
  fetchFailures,
  hostStatuses,
  pluginStops,
  purgeStatuses,
  revealRefusals,
  spoolStatuses,
  storeFailures,
  voteRefusals,
} from "./metrics_reasons.ts";
import { overloadReasons } from "./tcp_door.ts";

type Label = NonNullable<Declared["label"]>;

const byReason = (values: ReadonlyArray<string>): Label => ({ name: "reason", values });
const counter = (name: string, help: string, label?: Label): Declared => ({
  name,
  type: "counter",
  help,
  ...(label === undefined ? {} : { label }),
});
const gauge = (name: string, help: string, label?: Label): Declared => ({
  ...counter(name, help, label),
  type: "gauge",
});
const histogram = (name: string, help: string, buckets: ReadonlyArray<number>): Declared => ({
  name,
  type: "histogram",
  help,
  buckets,
});

const millisecondBuckets = [0, 1, 3, 10, 30, 100, 300, 1000, 3000];
const fastBuckets = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const slowBuckets = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

const packets: ReadonlyArray<Declared> = [
  counter("packets-received", "Sphinx packets from peers."),
  counter("packets-created", "Sphinx packets that this node made: replies to SURBs, and its own loops."),
  counter("packets-forwarded", "Sphinx packets that the next hop's connection took."),
  counter("packets-delivered", "Sphinx packets that ended here as they should."),
  counter("dropped", "Sphinx packets that ended here for another reason.", byReason(dropReasons)),
  histogram("lateness-ms", "How late packets left the delay queue, in ms.", millisecondBuckets),
  histogram(
    "dwell-ms",
    "From a packet's arrival to the end of its unwrapping and replay test, in ms.",
    millisecondBuckets,
  ),
  counter("loops-sent", "Decoy loops of this node."),
  counter("loops-skipped", "Decoy loops that were due and could not be sent."),
  counter("loops-returned", "Decoy loops of this node that came back."),
  counter("loops-lost", "Decoy loops of this node that did not come back in time."),
  counter(
    "replies-refused",
    "Replies and acknowledgements that were not sent.",
    byReason(["surb", "length", "no-delay", "used"]),
  ),
  counter("session_not_sent", "Commands other than packets that were not sent.", byReason(sendDropReasons)),
];

const connections: ReadonlyArray<Declared> = [
  counter("connections-accepted", "Connections that a listener took."),
  counter(
    "connections-refused",
    "Connections that were refused, or gave way.",
    byReason([...refusalReasons, ...overloadReasons]),
  ),
  counter("connections-up", "Incoming connections that were authenticated, by what the peer is.", {
    name: "role",
    values: ["client", "node", "authority"],
  }),
  counter("connections-closed", "Incoming connections ended for what the peer did.", byReason(closeReasons)),
  counter("connections-ended", "Incoming connections that ended.", byReason(downReasons)),
  counter("links-up", "Connections to other nodes that came up."),
  counter("links-ended", "Connections to other nodes, and attempts, that ended.", byReason(downReasons)),
  gauge("connections", "Incoming connections by standing.", {
    name: "standing",
    values: ["opening", "client", "node", "authority", "answering", "closing"],
  }),
  gauge("links", "Nodes of the next layer by the state of the connection to them.", {
    name: "phase",
    values: ["waiting", "dialling", "up", "closing"],
  }),
];

const epochs: ReadonlyArray<Declared> = [
  counter("documents", "Consensus documents that were fetched."),
  counter("documents-missed", "Attempts to fetch a consensus document that failed.", byReason(fetchFailures)),
  counter("descriptors-published", "Rounds of publishing the descriptor that ended."),
  gauge("epoch", "The current epoch."),
  gauge("epoch-remaining-seconds", "Until the next epoch begins."),
  gauge("document-held", "1 where the document of the current epoch is here."),
  gauge("documents-held", "Documents that are here."),
  gauge("mix-keys-held", "Epochs for which there is a mix key."),
  gauge("descriptor-published", "1 where every authority has answered the descriptor for the next epoch."),
  gauge("unready", "1 for each reason for which the process is not ready.", byReason([...unreadyReasons, "no-peers"])),
];

const authority: ReadonlyArray<Declared> = [
  counter("descriptors-refused", "Descriptors that were refused.", byReason(descriptorRefusals)),
  counter("votes-refused", "Votes that were refused.", byReason(voteRefusals)),
  counter("reveals-refused", "Reveals that were refused.", byReason(revealRefusals)),
  counter("equivocations", "Authorities that signed two different things.", {
    name: "what",
    values: ["vote", "reveal", "signature"],
  }),
  gauge("authorities", "Authorities, ourselves among them, by what they have done in this round.", {
    name: "done",
    values: ["known", "voted", "revealed", "signed", "equivocated"],
  }),
  gauge("authority-clock-offset-seconds", "The greatest distance between an authority's clock and ours."),
];

const queues: ReadonlyArray<Declared> = [
  gauge("queue-packets", "Packets that wait.", {
    name: "queue",
    values: ["inspecting", "delayed", "sending", "storing"],
  }),
  gauge("users", "Accounts."),
  gauge("mailbox-messages", "Messages and replies in mailboxes."),
  counter("plugin-exits", "Programs of plugins that ended."),
  counter("plugin-stops", "Programs of plugins that were ended.", byReason(pluginStops)),
  counter("spool-requests", "Requests to spools, by status.", { name: "status", values: spoolStatuses }),
  counter("spool-unreadable", "Entries of spools that the store did not give back."),
  counter("dspool-hosted", "Requests that a replica be kept, by status.", { name: "status", values: hostStatuses }),
  counter("dspool-purged", "Requests to purged spools, and that one be purged, by status.", {
    name: "status",
    values: purgeStatuses,
  }),
  counter("dspool-refused", "Requests to replicated spools that were refused.", byReason([])),
  counter("dspool-convicted", "Replicas that were shown to lie."),
  counter("dspool-ended", "Replicas that were deleted.", byReason(["expired", "purged"])),
  counter("dspool-syncs", "Rounds of comparing replicated spools.", {
    name: "outcome",
    values: ["ok", "failed"],
  }),
  counter("undeliverable", "Events for machines that had ended."),
];

const measurements: ReadonlyArray<Declared> = [
  counter("store-requests", "Effects that the store was asked to perform.", {
    name: "kind",
    values: ["Commit", "Scan", "DropTable", "TestAndSetReplay"],
  }),
  counter("store-bytes", "Bytes of keys and values that were given to the store."),
  counter("store-failures", "Effects that the store could not perform.", byReason([...storeFailures, "replay-tag"])),
  counter("store-failed", "Writes that an authority's store did not take.", byReason(storeFailures)),
  counter("store-given-up", "Writes that an authority does not try again."),
  histogram("store-commit-seconds", "From a commit to its answer.", slowBuckets),
  histogram("unwrap-seconds", "From a packet's way to who unwraps it to the answer.", fastBuckets),
  histogram(
    "turn-wait-seconds",
    "How long the oldest of what waits for the machines has waited for its turn.",
    fastBuckets,
  ),
  histogram("turn-seconds", "One turn: steps until nothing waits, or timers and sockets have theirs.", fastBuckets),
  histogram("step-seconds", "One step of the machines, and the effects that are performed at once.", fastBuckets),
  histogram("event-loop-delay-seconds", "How late a timer of 100 ms rang.", slowBuckets),
];

const processes: ReadonlyArray<Declared> = [
  gauge("process-resident-memory-bytes", "Memory of the process."),
  gauge("process-heap-bytes", "JavaScript heap in use."),
  gauge("process-external-bytes", "Memory of buffers outside the JavaScript heap."),
  gauge("process-cpu-seconds", "Processor time since the start, user and system."),
  gauge("process-uptime-seconds", "Since the start."),
  gauge("build-info", "1, with the version and the runtime.", { name: "build", values: [] }),
];

export const declaredMetrics: ReadonlyArray<Declared> = [
  ...packets,
  ...connections,
  ...epochs,
  ...authority,
  ...queues,
  ...measurements,
  ...processes,
];
