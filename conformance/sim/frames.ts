/**
 * What packets look like on a link.
 *
 * @module
 */
import type { Geometry } from "../../core/sphinx/geometry.ts";

/** A SendPacket in bytes: the length's frame, the command's header, the packet, the tag (wire facts §2.5). */
export const frameLengthOf = ({ packetLength }: Geometry): number => 20 + 6 + packetLength + 16;
