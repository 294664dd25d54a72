/**
 * Delta debugging (Zeller and Hildebrandt 2002, ddmin): the smallest list of faults that still fails, as far as leaving
 * out one more of what is left shows.
 *
 * @module
 */

/** Each try is a whole run: after so many the list is as small as it gets. */
const triesMax = 200;

const chunksOf = <T>(items: ReadonlyArray<T>, count: number): T[][] =>
  Array.from(
    { length: count },
    (_, i) => items.slice(Math.floor((i * items.length) / count), Math.floor(((i + 1) * items.length) / count)),
  );

/**
 * A part of `items`, in their order, that still `fails`, as the whole is known to. No item of it can be left out,
 * unless
 * the tries were used up.
 */
export const shrink = <T>(
  items: ReadonlyArray<T>,
  fails: (part: ReadonlyArray<T>) => boolean,
): ReadonlyArray<T> => {
  let [left, chunks, tries] = [items, 2, 0];
  if (left.length > 0 && fails([])) return [];
  while (left.length > 1 && tries < triesMax) {
    const parts = chunksOf(left, chunks);
    const without = parts.map((_, at) => parts.filter((_, other) => other !== at).flat());
    const smaller = without.find((rest) => ++tries <= triesMax && fails(rest));
    if (smaller !== undefined) [left, chunks] = [smaller, Math.max(2, chunks - 1)];
    else if (chunks >= left.length) break;
    else chunks = Math.min(left.length, 2 * chunks);
  }
  return left;
};

/**
 * The same list with each item as weak as still `fails`: the first of its `weaker` ones that does takes its place,
 * again and again.
 */
export const weaken = <T>(
  items: ReadonlyArray<T>,
  weaker: (item: T) => ReadonlyArray<T>,
  fails: (items: ReadonlyArray<T>) => boolean,
): ReadonlyArray<T> => {
  let [left, tries] = [items, 0];
  for (let at = 0; at < left.length;) {
    const others = weaker(left[at]!).map((item) => left.map((other, index) => (index === at ? item : other)));
    const weakened = others.find((list) => ++tries <= triesMax && fails(list));
    if (weakened === undefined) at++;
    else left = weakened;
  }
  return left;
};
