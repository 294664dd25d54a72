/**
 * Replay tags by the million: a set of digests of 32 bytes in two arrays, at 40 to 80 bytes a tag. As texts in a Set of
 * the language they would take more than twice as much, each an object that a collector has to look at.
 *
 * @module
 */
import { readUint32 } from "../../core/bytes.ts";
import { invariant } from "../../core/machine.ts";

export interface TagSet {
  /** False where it was there already. */
  readonly add: (tag: Uint8Array) => boolean;
  readonly has: (tag: Uint8Array) => boolean;
  readonly size: () => number;
}

const words = 8;
const capacityMin = 16;

export const createTagSet = (): TagSet => {
  let size = 0;
  let tags = new Uint32Array(words * capacityMin);
  /** One more than the place of a tag, or 0: where its first bits say, or in the next free place. */
  let places = new Uint32Array(2 * capacityMin);
  const sought = new Uint32Array(words);

  const seek = (tag: Uint8Array): void => {
    invariant(tag.length === 4 * words, "a replay tag has 32 bytes");
    for (let i = 0; i < words; i++) sought[i] = readUint32(tag, 4 * i);
  };

  const isSought = (place: number): boolean => {
    for (let i = 0; i < words; i++) if (tags[words * place + i] !== sought[i]) return false;
    return true;
  };

  /** Where the tag that is sought stands, or would. */
  const slot = (): number => {
    const mask = places.length - 1;
    let at = sought[0]! & mask;
    while (places[at] !== 0 && !isSought(places[at]! - 1)) at = (at + 1) & mask;
    return at;
  };

  const grow = (): void => {
    const before = tags;
    tags = new Uint32Array(2 * before.length);
    tags.set(before);
    places = new Uint32Array(2 * places.length);
    for (let place = 0; place < size; place++) {
      sought.set(before.subarray(words * place, words * (place + 1)));
      places[slot()] = place + 1;
    }
  };

  return {
    add: (tag) => {
      seek(tag);
      if (places[slot()] !== 0) return false;
      if (words * size === tags.length) {
        grow();
        seek(tag);
      }
      tags.set(sought, words * size);
      places[slot()] = ++size;
      return true;
    },
    has: (tag) => {
      seek(tag);
      return places[slot()] !== 0;
    },
    size: () => size,
  };
};
