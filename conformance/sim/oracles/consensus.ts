/**
 * No epoch has two documents: what authorities and nodes hold for one is the same, and signed by enough of them. And
 * every epoch from the genesis on has one when it begins, at all authorities that run, if authorities enough, and all
 * nodes, had no fault in its round and the one before; others are either down for the whole of both, or sound as well:
 * one that comes or goes in the middle can split the votes.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "../../../core/bytes.ts";
import { E } from "../../../core/fp.ts";
import { wall } from "../../../core/machine.ts";
import { decodeCertificate, majority, signedMessage } from "../../../core/pki/cert.ts";
import type { Document } from "../../../core/pki/document.ts";
import { epochAt, epochStart } from "../../../core/pki/epoch.ts";
import type { Fault } from "../fault.ts";
import { authoritiesOf, type CreateOracle, nodesOf, type View } from "./oracle.ts";

interface Held {
  readonly host: string;
  readonly epoch: number;
  readonly document: Document;
  readonly raw: Uint8Array;
}

/** The documents that the authorities hold now, by host and epoch. */
export const documentsOf = (view: View): ReadonlyArray<Held> =>
  authoritiesOf(view).flatMap(([host, { documents }]) =>
    [...documents].map(([epoch, { document, raw }]) => ({ host, epoch, document, raw }))
  );

/** The two sides of a fault without the hosts that do not count; it matters if both still have some. */
const matters = (fault: Fault, counts: (host: string) => boolean): boolean =>
  "host" in fault ? counts(fault.host) : fault.a.some(counts) && fault.b.some(counts);

export const consensus: CreateOracle = (view, report) => {
  const { network, clock, weather } = view;
  const all = network.authorities.length;
  /** A digest of what was signed for each epoch. */
  const seen = new Map<number, string>();
  /** Weakly: hosts forget their documents, and so does this. */
  const judged = new WeakSet<Uint8Array>();
  const originMs = view.wall();
  const genesis = epochAt(clock, wall(originMs)).epoch + 1;
  const demanded = new Set<string>();
  let excused = 0;

  /** Authorities that are down for the whole of two rounds. */
  const downIn = (from: number, until: number): ReadonlyArray<string> =>
    network.authorities.filter((name) =>
      weather.faults.some((fault) =>
        fault.type === "Crash" && fault.host === name && fault.from <= from && fault.until >= until
      )
    );

  /** How many authorities must have signed the document of an epoch; null where nothing can be demanded. */
  const expectedSigners = (epoch: number): number | null => {
    const until = epochStart(clock, epoch) - originMs;
    const from = until - 2 * clock.periodMs;
    const down = downIn(from, until);
    const core = new Set([...network.authorities, ...network.nodes].filter((name) => !down.includes(name)));
    const isDisturbed = weather.faults.some((fault) =>
      fault.from < until && fault.until > from && matters(fault, (host) => core.has(host))
    );
    return isDisturbed || all - down.length < majority(all) ? null : all - down.length;
  };

  const admit = ({ host, epoch, document, raw }: Held): void => {
    if (judged.has(raw)) return;
    judged.add(raw);
    if (document.epoch !== epoch) {
      report("safety", `${host} keeps the document of epoch ${document.epoch} under ${epoch}`);
    }
    const certificate = decodeCertificate(raw);
    if (E.isLeft(certificate)) {
      return report("safety", `${host} has no document for epoch ${epoch}: it does not decode`);
    }
    const signed = toHex(sha256(signedMessage(certificate.right)));
    if ((seen.get(epoch) ?? signed) !== signed) report("safety", `${host} has another document for epoch ${epoch}`);
    seen.set(epoch, signed);
    const signers = new Set(certificate.right.signatures.map(({ identity }) => toHex(identity))).size;
    if (signers < majority(all)) report("safety", `${host} has a document with ${signers} signatures of ${all}`);
    const expected = expectedSigners(epoch);
    if (expected !== null && signers < expected) {
      report("liveness", `the document of epoch ${epoch} has ${signers} of ${all} signatures`);
    }
  };

  const demand = (epoch: number): void => {
    if (epoch < genesis) return;
    const isExpected = expectedSigners(epoch) !== null;
    for (const [host, { documents }] of authoritiesOf(view)) {
      if (demanded.has(`${host} ${epoch}`)) continue;
      demanded.add(`${host} ${epoch}`);
      if (documents.has(epoch)) continue;
      if (isExpected) report("liveness", `${host} has no document for epoch ${epoch}, which has begun`);
      else excused++;
    }
  };

  return {
    name: "consensus",
    sample: () => {
      documentsOf(view).forEach(admit);
      for (const [host, { documents }] of nodesOf(view)) {
        for (const [epoch, { document, raw }] of documents.known) admit({ host, epoch, document, raw });
      }
      demand(epochAt(clock, wall(view.wall())).epoch);
    },
    summary: () =>
      `${seen.size} documents, epochs ${genesis} to ${Math.max(genesis, ...seen.keys())}, ` +
      `missing through faults at ${excused} authorities`,
  };
};
