/**
 * How commands show what happened to a packet.
 *
 * @module
 */
import type { SentPacket } from "../core/client/events.ts";

/** `provider1 120 ms > mix3 80 ms > provider2`: how long the packet was to wait where. */
const wayText = (path: ReadonlyArray<string>, delaysMs: ReadonlyArray<number>): string =>
  path.map((hop, index) => {
    const delayMs = delaysMs[index];
    return delayMs === undefined ? hop : `${hop} ${delayMs} ms`;
  }).join(" > ");

/** There and back, a line each. */
export const roundTripLines = ({ path, delaysMs, returnPath, returnDelaysMs, etaMs }: SentPacket): string[] => [
  `  there  ${wayText(path, delaysMs)}`,
  `  back   ${wayText(returnPath, returnDelaysMs)}`,
  `  delays ${etaMs} ms in all`,
];
