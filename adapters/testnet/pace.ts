/**
 * How long the epochs of a test network last, and how long it may take: a round of votes has to fit into an epoch, also
 * on a machine that is busy, or becomes so.
 *
 * @module
 */

const usualPeriodMs = 10_000;
const longestPeriodMs = 60_000;
/** What loading the processes takes on an idle machine. */
const usualLoadMs = 16_000;

/** The period where none is asked for, by the time that loading the processes took. */
export const periodFor = (loadMs: number): number =>
  Math.min(longestPeriodMs, Math.ceil(loadMs / usualLoadMs) * usualPeriodMs);

/** After so many epochs without a document a network begins anew with longer ones. */
export const patienceEpochs = 4;

/** The next longer period; null where it is the longest. */
export const longerPeriod = (periodMs: number): number | null =>
  periodMs >= longestPeriodMs ? null : Math.min(longestPeriodMs, 2 * periodMs);

/** What a packet may wait at each stage beyond its delay: all processes share one machine's cores. */
export const dwellFor = (periodMs: number): number => Math.max(3000, Math.floor(0.3 * periodMs));

export const usualDeadlineMs = 300_000;
/** Two until the nodes are in a document, one or two for each thing that is shown, and as many again. */
const deadlineEpochs = 15;

/** How long a network may take from its start on, where nothing else is asked for. */
export const deadlineFor = (periodMs: number): number => Math.max(usualDeadlineMs, deadlineEpochs * periodMs);
