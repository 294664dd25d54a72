/**
 * Mix keys (specs/mixnet.rst §4.2, §4.3; specs/sphinx_replay_detection.rst §4.2; wire-facts §6.1): one per epoch, made
 * two epochs ahead, destroyed with its replay tags when its grace is over. Stored in the table `mix-keys`: epoch 8 →
 * version 1 | key 32, so that a node which restarts still opens what is on its way. A version alone stands for a key
 * that was destroyed and whose replay tags may still be there: they go with it, whenever the process ends.
 *
 * @module
 */
import { PersistentMap } from "../collections/map.ts";
import { concat, uint64 } from "../bytes.ts";
import type { Suite } from "../crypto/suite.ts";
import { type Commit, type DropTable, replayTable, type Unwrap } from "../effects.ts";
import type { EpochTime } from "../pki/epoch.ts";
import type { Draws } from "../random.ts";

export interface MixKey {
  /** X25519, 32 bytes. */
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** By epoch. */
export type MixKeys = PersistentMap<number, MixKey>;

export const mixKeysTable = "mix-keys";
/** A descriptor holds the keys of its epoch and of the two that follow. */
export const epochsAhead = 3;
const version = 1;
const keyLength = 32;

/** The keys with those of the epochs `from` to `from` + 2, and which of them are new. */
export const withKeysFrom = (
  suite: Suite,
  draw: Draws,
  keys: MixKeys,
  from: number,
): { readonly keys: MixKeys; readonly made: ReadonlyArray<number> } => {
  const made = Array.from({ length: epochsAhead }, (_, ahead) => from + ahead).filter((epoch) => !keys.has(epoch));
  const privateKeyOf = (epoch: number): Uint8Array => draw(`mix key ${epoch}`).bytes(keyLength);
  return { keys: made.reduce((all, epoch) => all.set(epoch, mixKey(suite, privateKeyOf(epoch))), keys), made };
};

const mixKey = (suite: Suite, privateKey: Uint8Array): MixKey => ({
  privateKey,
  publicKey: suite.x25519Public(privateKey),
});

/**
 * The epochs whose keys have had their time: those before the last, and the last one's once its grace is over. Keys of
 * a far future are left over from a clock that has been set back.
 */
export const expiredKeys = (keys: MixKeys, { epoch, elapsedMs }: EpochTime, graceMs: number): ReadonlyArray<number> => {
  const oldest = elapsedMs < graceMs ? epoch - 1 : epoch;
  return [...keys.keys()].filter((of) => of < oldest || of > epoch + epochsAhead);
};

/** The keys that a packet may be for: this epoch's, and within the grace of a boundary the one's beyond it. */
export const keysInForce = (
  keys: MixKeys,
  { epoch, elapsedMs, remainingMs }: EpochTime,
  graceMs: number,
): Unwrap["keys"] => {
  const epochs = [epoch, ...(elapsedMs < graceMs ? [epoch - 1] : []), ...(remainingMs < graceMs ? [epoch + 1] : [])];
  return epochs.flatMap((of) => {
    const key = keys.get(of);
    return key === undefined ? [] : [{ epoch: of, privateKey: key.privateKey }];
  });
};

export const encodeMixKey = ({ privateKey }: MixKey): Uint8Array => concat(Uint8Array.of(version), privateKey);

/** Null for another version, or what is no key. */
export const decodeMixKey = (suite: Suite, bytes: Uint8Array): MixKey | "destroyed" | null => {
  if (bytes[0] !== version) return null;
  if (bytes.length === 1) return "destroyed";
  return bytes.length === 1 + keyLength ? mixKey(suite, bytes.slice(1)) : null;
};

/**
 * Forgets a key and its replay tags, in this order: tags without their key are garbage, a key without its tags would
 * let packets through twice. Ids are of the requests to the store.
 */
export const forgetKey = (epoch: number, takeId: () => number): ReadonlyArray<Commit | DropTable> => {
  const write = (value: Uint8Array | null): Commit => ({
    type: "Commit",
    id: takeId(),
    writes: [{ table: mixKeysTable, key: uint64(epoch), value }],
  });
  return [
    write(Uint8Array.of(version)),
    { type: "DropTable", id: takeId(), table: replayTable(epoch) },
    write(null),
  ];
};
