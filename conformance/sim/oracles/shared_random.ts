/**
 * Shared random values: a new one every epoch, and prior ones that rotate when the Go authorities rotate them: 2^64
 * being taken modulo the epochs of a week, that is 16 epochs after the genesis for the usual periods, then weekly.
 * A round without a document ends the sequence; the next one has a genesis of its own.
 *
 * @module
 */
import { toHex } from "../../../core/bytes.ts";
import type { Document } from "../../../core/pki/document.ts";
import { documentsOf } from "./consensus.ts";
import type { CreateOracle } from "./oracle.ts";

const weekMs = 604_800_000;

export const sharedRandom: CreateOracle = (view, report) => {
  const byEpoch = new Map<number, Document>();
  const values = new Set<string>();
  let rotations = 0;
  const epochsPerWeek = BigInt(Math.max(1, Math.floor(weekMs / view.clock.periodMs)));

  const prior = ({ priorSharedRandom }: Document): string => priorSharedRandom.map(toHex).join(" ");

  const rotatesAt = (distance: number): boolean => (2n ** 64n - BigInt(distance)) % epochsPerWeek === 0n;

  /** The prior values that a document must have by what is known of the one before. */
  const expected = (document: Document): string | null => {
    const value = toHex(document.sharedRandomValue);
    const distance = document.epoch - document.genesisEpoch;
    if (distance === 0) return `${value} ${value}`;
    const before = byEpoch.get(document.epoch - 1);
    if (before === undefined) return null;
    if (!rotatesAt(distance)) return prior(before);
    rotations++;
    return `${value} ${toHex(before.priorSharedRandom[0] ?? new Uint8Array(0))}`;
  };

  const admit = (document: Document): void => {
    const { epoch } = document;
    if (byEpoch.has(epoch)) return;
    const want = expected(document);
    if (want !== null && prior(document) !== want) {
      report("safety", `the prior shared random values of epoch ${epoch} are ${prior(document)}, not ${want}`);
    }
    const before = byEpoch.get(epoch - 1);
    if (before !== undefined && before.genesisEpoch !== document.genesisEpoch) {
      report("safety", `the genesis moved at epoch ${epoch}`);
    }
    byEpoch.set(epoch, document);
    const value = toHex(document.sharedRandomValue);
    if (values.has(value)) report("safety", `the shared random value of epoch ${epoch} has been one before`);
    values.add(value);
  };

  return {
    name: "shared random",
    sample: () => {
      const documents = documentsOf(view).map(({ document }) => document);
      for (const document of documents.sort((a, b) => a.epoch - b.epoch)) admit(document);
    },
    summary: () => `${values.size} values, ${rotations} rotations of the prior ones`,
  };
};
