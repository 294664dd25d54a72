/**
 * Tests of distributions, each with the probability of a false alarm stated by its caller. Bounds of
 * Dvoretzky-Kiefer-Wolfowitz-Massart (1990) and Bernstein's inequality hold for every size of the sample, so no
 * alarm is
 * more likely than stated.
 *
 * @module
 */

/** The greatest distance between the sample's and a continuous distribution. */
export const ksDistance = (sample: ReadonlyArray<number>, cdf: (x: number) => number): number => {
  const sorted = [...sample].sort((a, b) => a - b);
  return sorted.reduce(
    (most, x, i) => Math.max(most, cdf(x) - i / sorted.length, (i + 1) / sorted.length - cdf(x)),
    0,
  );
};

/** What the distance exceeds with a probability of at most `alpha` (DKWM). */
export const ksBound = (size: number, alpha: number): number => Math.sqrt(Math.log(2 / alpha) / (2 * size));

export const exponentialCdf = (rate: number) => (x: number): number => x <= 0 ? 0 : 1 - Math.exp(-rate * x);

/** How far a Poisson count is from its mean with a probability of at most `alpha` (Bernstein). */
export const poissonBound = (mean: number, alpha: number): number => {
  const log = Math.log(2 / alpha);
  return log / 3 + Math.sqrt((log / 3) ** 2 + 2 * mean * log);
};

export const chiSquare = (counts: ReadonlyArray<number>): number => {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
};

/** What a chi-square variable exceeds with a probability of at most `alpha` (Laurent and Massart 2000, lemma 1). */
export const chiSquareBound = (degrees: number, alpha: number): number => {
  const log = Math.log(1 / alpha);
  return degrees + 2 * Math.sqrt(degrees * log) + 2 * log;
};
