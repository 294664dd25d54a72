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

/** What is remembered of a document, in hex. */
interface Values {
  readonly genesisEpoch: number;
  readonly value: string;
  readonly prior: ReadonlyArray<string>;
}

const valuesOf = ({ genesisEpoch, sharedRandomValue, priorSharedRandom }: Document): Values => ({
  genesisEpoch,
  value: toHex(sharedRandomValue),
  prior: priorSharedRandom.map(toHex),
});

export const sharedRandom: CreateOracle = (view, report) => {
  const byEpoch = new Map<number, Values>();
  const values = new Set<string>();
  let rotations = 0;
  const epochsPerWeek = BigInt(Math.max(1, Math.floor(weekMs / view.clock.periodMs)));

  const rotatesAt = (distance: number): boolean => (2n ** 64n - BigInt(distance)) % epochsPerWeek === 0n;

  /** The prior values that a document must have by what is known of the one before. */
  const expected = (epoch: number, { value, genesisEpoch }: Values): string | null => {
    const distance = epoch - genesisEpoch;
    if (distance === 0) return `${value} ${value}`;
    const before = byEpoch.get(epoch - 1);
    if (before === undefined) return null;
    if (!rotatesAt(distance)) return before.prior.join(" ");
    rotations++;
    return `${value} ${before.prior[0] ?? ""}`;
  };

  const admit = (document: Document): void => {
    const { epoch } = document;
    if (byEpoch.has(epoch)) return;
    const found = valuesOf(document);
    const [prior, want] = [found.prior.join(" "), expected(epoch, found)];
    if (want !== null && prior !== want) {
      report("safety", `the prior shared random values of epoch ${epoch} are ${prior}, not ${want}`);
    }
    const before = byEpoch.get(epoch - 1);
    if (before !== undefined && before.genesisEpoch !== found.genesisEpoch) {
      report("safety", `the genesis moved at epoch ${epoch}`);
    }
    byEpoch.set(epoch, found);
    if (values.has(found.value)) report("safety", `the shared random value of epoch ${epoch} has been one before`);
    values.add(found.value);
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
