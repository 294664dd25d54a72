/**
 * A node's descriptor of an epoch (specs/pki.rst §3.1, §4.1; wire-facts §5.2, §5.7): signed once, kept in the table
 * `descriptors` (epoch 8 → version 1 | certificate), and sent byte for byte each time, also after a restart: the
 * authorities tally by the bytes, and the certificate holds the second in which it was signed.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { concat, uint64 } from "../bytes.ts";
import { count, log, type StoreWrite, tell } from "../effects.ts";
import { invariant } from "../machine.ts";
import { certificateExpiration, providerLayer, signDescriptor } from "../pki/descriptor.ts";
import type { DirectoryReport } from "../pki/directory.ts";
import { publishedServices } from "../provider/services.ts";
import { encodeMixKey, epochsAhead, forgetKey, type MixKey, mixKeysTable, withKeysFrom } from "./keys.ts";
import { emit, keep, takeId, type Turn, update } from "./turn.ts";

export interface Publication {
  readonly raw: Uint8Array;
  /** `done`: every authority has answered. */
  readonly status: "due" | "asked" | "done";
}

/** By epoch. */
export type Publications = PersistentMap<number, Publication>;

export const noPublications: Publications = PersistentMap();
export const descriptorsTable = "descriptors";
const version = 1;

/** The keys of the epoch and the two that follow, made and kept where they are missing. */
export const ensureKeys = (turn: Turn, from: number): void => {
  const { keys, made } = withKeysFrom(turn.bound.suite, turn.draw, turn.state.keys, from);
  if (made.length === 0) return;
  update(turn, { keys });
  keep(turn, made.map((epoch) => keyWrite(epoch, keys.get(epoch)!)));
};

const keyWrite = (epoch: number, key: MixKey): StoreWrite => ({
  table: mixKeysTable,
  key: uint64(epoch),
  value: encodeMixKey(key),
});

const descriptorWrite = (epoch: number, { raw }: Publication): StoreWrite => ({
  table: descriptorsTable,
  key: uint64(epoch),
  value: concat(Uint8Array.of(version), raw),
});

/** The store fails, or has failed. */
export interface Unkept {
  /** The epoch in which it began. */
  readonly since: number;
  /** The last of the requests by which it is given everything again; null where that is still to be done. */
  readonly last: number | null;
}

/** What is older than this is deleted at the next start (restore.ts), where the store fails for as long. */
const epochsDeletedAgain = 64;

export const onNotKept = (turn: Turn): void =>
  update(turn, { unkept: { since: turn.state.unkept?.since ?? turn.time.epoch, last: null } });

export const onKept = (turn: Turn, id: number): void => {
  if (turn.state.unkept?.last === id) update(turn, { unkept: null });
};

/**
 * Gives the store all keys and descriptors again, after it did not take some: packets for a key that is gone after a
 * start would be lost. What has expired since, it is told again to delete.
 */
export const keepAgain = (turn: Turn): void => {
  const { unkept, keys, publications } = turn.state;
  if (unkept === null || unkept.last !== null) return;
  keep(turn, [
    ...[...keys].map(([epoch, key]) => keyWrite(epoch, key)),
    ...[...publications].map(([epoch, publication]) => descriptorWrite(epoch, publication)),
  ]);
  // A key expires in the epoch after its own.
  const from = Math.max(0, unkept.since - 1, turn.time.epoch - epochsDeletedAgain);
  const past = Array.from({ length: Math.max(0, turn.time.epoch - from) }, (_, index) => from + index);
  forgetDescriptors(turn, past.filter((epoch) => !publications.has(epoch)));
  for (const epoch of past.filter((epoch) => !keys.has(epoch))) emit(turn, ...forgetKey(epoch, () => takeId(turn)));
  update(turn, { unkept: { ...unkept, last: turn.state.nextId - 1 } });
};

const forgetDescriptors = (turn: Turn, epochs: ReadonlyArray<number>): void => {
  if (epochs.length === 0) return;
  keep(turn, epochs.map((epoch) => ({ table: descriptorsTable, key: uint64(epoch), value: null })));
};

/** Sends the descriptor of an epoch, unless every authority has it or is being asked. */
export const publish = (turn: Turn, epoch: number): void => {
  if (!turn.state.publications.has(epoch)) sign(turn, epoch);
  const publication = turn.state.publications.get(epoch)!;
  if (publication.status !== "due") return;
  setPublication(turn, epoch, { ...publication, status: "asked" });
  emit(turn, tell("directory", { type: "Publish", epoch, descriptor: publication.raw }));
};

const setPublication = (turn: Turn, epoch: number, publication: Publication): void =>
  update(turn, { publications: turn.state.publications.set(epoch, publication) });

const sign = (turn: Turn, epoch: number): void => {
  ensureKeys(turn, epoch);
  const { config, identity, keys, services, plugins } = turn.state;
  const mixKeys = Array.from(
    { length: epochsAhead },
    (_, ahead) => [epoch + ahead, keys.get(epoch + ahead)!.publicKey] as const,
  );
  const fields = {
    name: config.name,
    identityKey: identity.key,
    linkKey: identity.linkKey,
    mixKeys: new Map(mixKeys),
    addresses: config.addresses,
    kaetzchen: publishedServices(services, plugins.up),
    registrationHttpAddresses: config.provider?.registration.advertised ?? null,
    layer: config.isProvider ? providerLayer : 0,
    loadWeight: 0,
  };
  const expiration = certificateExpiration(config.clock, turn.context.wall);
  const raw = signDescriptor(turn.bound.suite, config.identityPrivate, fields, expiration);
  const publication: Publication = { raw, status: "due" };
  setPublication(turn, epoch, publication);
  keep(turn, [descriptorWrite(epoch, publication)]);
};

/** A descriptor as it came from the store; null for one that this version cannot read. */
export const decodeStoredDescriptor = (
  value: Uint8Array,
): Uint8Array | null => (value[0] === version ? value.slice(1) : null);

/** What the authorities said. Those who did not answer are asked again with the next run of the schedule. */
export const onPublished = (turn: Turn, report: Extract<DirectoryReport["report"], { type: "Published" }>): void => {
  const { epoch, accepted, conflicts, of, failures } = report;
  const publication = turn.state.publications.get(epoch);
  if (publication !== undefined) {
    setPublication(turn, epoch, { ...publication, status: accepted + conflicts === of ? "done" : "due" });
  }
  // A node that has restarted, or starts late in an epoch, meets with conflicts: they are settled with the next epoch.
  const level = accepted + conflicts === of ? "INFO" : "WARNING";
  const missing = failures.map(({ authority, reason }) => `${authority} ${reason}`);
  const message = `${accepted} of ${of} authorities accepted the descriptor for epoch ${epoch}`;
  emit(
    turn,
    count("descriptors-published"),
    log(level, "published", message, { epoch, accepted, conflicts, of, missing }),
  );
};

/** Forgets descriptors that nobody takes any more. */
export const prunePublications = (turn: Turn): void => {
  const { publications } = turn.state;
  const old = [...publications.keys()].filter((epoch) => epoch < turn.time.epoch || epoch > turn.time.epoch + 1);
  if (old.length === 0) return;
  update(turn, { publications: publications.deleteAll(old) });
  forgetDescriptors(turn, old);
  invariant(turn.state.publications.size <= 2, "descriptors are kept for two epochs");
};
