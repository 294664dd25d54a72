/**
 * The load of a mix under test: frames are sealed before it is measured, and what the mix sends is kept as it comes,
 * and opened and checked afterwards, every packet. Meanwhile this process only copies bytes to and from its sockets.
 *
 * @module
 */
import assert from "node:assert/strict";
import { concat } from "../../core/bytes.ts";
import type { CipherState } from "../../core/noise/cipher_state.ts";
import type { Receiver } from "../../core/wire/framing.ts";
import { frameLength, openPackets, sealPacket } from "./mix_link.ts";
import { checkForwarded, nameOf, packetOf, type Prepared, type Route } from "./mix_packets.ts";
import type { Neighbours } from "./mix_world.ts";

/** Packets under way at full load: enough that the mix always has some. */
const windowMax = 64;
const timeoutMs = 180_000;

interface Sealed {
  readonly prepared: Prepared;
  readonly link: number;
  readonly frame: Uint8Array;
}

export interface Traffic {
  /** Frames of packets, in the order in which they have to be sent. */
  readonly seal: (packets: ReadonlyArray<Prepared>) => ReadonlyArray<Sealed>;
  /** All at once, or so many a second at random times; resolves when all have come out, with what the check needs. */
  readonly send: (sealed: ReadonlyArray<Sealed>, perSecond: number | null) => Promise<Sent>;
  /** The ms that each was under way, in the order of arrival. Throws where one is not what it had to become. */
  readonly check: (sent: Sent) => ReadonlyArray<number>;
}

interface Sent {
  readonly sealed: ReadonlyArray<Sealed>;
  readonly sentAt: ReadonlyArray<number>;
  readonly arrivedAt: ReadonlyArray<number>;
  readonly bytes: ReadonlyArray<Uint8Array>;
}

/** Between the neighbours of a mix, which gets the links' packets in turn. */
export const createTraffic = ({ previous, next }: Neighbours, route: Route): Traffic => {
  const ciphers: CipherState[] = previous.map(({ send }) => send);
  let receiver: Receiver = next.receiver;
  let turn = 0;

  const sealNext = (prepared: Prepared): Sealed => {
    const link = turn++ % previous.length;
    const { frame, cipher } = sealPacket(ciphers[link]!, packetOf(prepared));
    ciphers[link] = cipher;
    return { prepared, link, frame };
  };

  const send: Traffic["send"] = (sealed, perSecond) =>
    new Promise((resolve, reject) => {
      const [sentAt, arrivedAt, bytes]: [number[], number[], Uint8Array[]] = [[], [], []];
      let received = 0;

      const launch = (): void => {
        const { link, frame } = sealed[sentAt.length]!;
        sentAt.push(performance.now());
        previous[link]!.socket.write(frame);
      };

      const fill = (): void => {
        while (sentAt.length - arrivedAt.length < windowMax && sentAt.length < sealed.length) launch();
      };

      const atRate = (due: number): void => {
        let at = due;
        for (; at <= performance.now() && sentAt.length < sealed.length; at += pauseMs(perSecond!)) launch();
        if (sentAt.length < sealed.length) setTimeout(() => atRate(at), 1);
      };

      const onData = (chunk: Uint8Array): void => {
        const now = performance.now();
        bytes.push(chunk);
        received += chunk.length;
        while ((arrivedAt.length + 1) * frameLength <= received) arrivedAt.push(now);
        if (arrivedAt.length === sealed.length) {
          clearTimeout(timer);
          next.socket.off("data", onData);
          resolve({ sealed, sentAt, arrivedAt, bytes });
        } else if (perSecond === null) fill();
      };

      const late = (): void =>
        reject(new Error(`${arrivedAt.length} of ${sealed.length} packets came in ${timeoutMs} ms`));
      const timer = setTimeout(late, timeoutMs);
      next.socket.on("data", onData);
      if (perSecond === null) fill();
      else atRate(performance.now());
    });

  const check: Traffic["check"] = ({ sealed, sentAt, arrivedAt, bytes }) => {
    const byName = new Map(sealed.map(({ prepared }, at) => [prepared.name, at]));
    const opened = openPackets(receiver, concat(...bytes));
    receiver = opened.receiver;
    assert.equal(opened.packets.length, sealed.length);
    return opened.packets.map((packet, arrival) => {
      const name = nameOf(packet);
      const at = byName.get(name);
      if (at === undefined) assert.fail("a packet that nobody sent, or that came twice");
      byName.delete(name);
      checkForwarded(sealed[at]!.prepared, route, packet);
      return arrivedAt[arrival]! - sentAt[at]!;
    });
  };

  return { seal: (packets) => packets.map(sealNext), send, check };
};

/** Between two packets of a Poisson process. */
const pauseMs = (perSecond: number): number => (-Math.log(1 - Math.random()) * 1000) / perSecond;
