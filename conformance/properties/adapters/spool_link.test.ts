/** The direct link between replicas: what it takes, and that silent peers and long bodies do not hold it. */
import { strict as assert } from "node:assert";
import { createConnection, type Socket } from "node:net";
import { test } from "node:test";
import { askDirectly, openLink } from "../../../adapters/spool_link.ts";
import { nativeSuite as suite } from "../../../adapters/crypto_native.ts";
import { CommandError, exitCode } from "../../../adapters/exit.ts";
import { concat } from "../../../core/bytes.ts";
import { PersistentMap } from "../../../core/collections/map.ts";
import { katzenpostGeometry as geometry } from "../../../core/sphinx/geometry.ts";
import { encodeRequest, type Exchange, signSync } from "../../../core/spool/replica_wire.ts";

const seed = new Uint8Array(32).fill(1);
const from = suite.ed25519Public(seed);
const key = concat(seed, from);
const exchange: Exchange = { vector: PersistentMap(), items: [], proof: null };
const sync = encodeRequest(signSync(suite, key, { spool: from, from, to: from, epoch: 7, exchange }));
const signature = new Uint8Array(64);
const read = encodeRequest({
  type: "read",
  spool: from,
  read: { part: "data", after: null, limit: 1, reader: from, epoch: 7, signature },
});

/** A link whose system answers every request with three bytes, padded. */
const serve = async (address = "127.0.0.1:0") => {
  const asked: Uint8Array[] = [];
  const link = await openLink(address, geometry, async (payload) => {
    asked.push(payload);
    return { bytes: Uint8Array.of(1, 2, 3), length: 10 };
  });
  return { ...link, asked, url: `http://${link.address}/` };
};

const send = (address: string, bytes: Uint8Array) => askDirectly({ type: "LinkSend", id: 1, address, bytes }, 10_000);

test("a sync is asked as in a packet's payload, and its answer is padded; from others nothing is taken", async () => {
  const { url, asked, close } = await serve();
  assert.deepEqual(await send(url, sync), Uint8Array.of(1, 2, 3, 0, 0, 0, 0, 0, 0, 0));
  assert.equal(asked[0]!.length, geometry.userPayloadLength);
  assert.deepEqual([...asked[0]!.subarray(4, 4 + sync.length)], [...sync]);
  for (const other of [read, new Uint8Array(0), new Uint8Array(1000).fill(7)]) {
    assert.equal(await send(url, other), null);
  }
  assert.equal((await fetch(url)).status, 400);
  assert.equal(asked.length, 1);
  await close();
});

test("[FAULT-15] a body that is too long is answered, and not kept", async () => {
  const { url, asked, close } = await serve();
  const response = await fetch(url, { method: "POST", body: new Uint8Array(200_000) });
  assert.equal(response.status, 400);
  assert.equal(asked.length, 0);
  await close();
});

test("[FAULT-15] [FAULT-16] a hundred silent connections do not keep a replica out", async () => {
  const { url, address, close } = await serve();
  const sockets: Socket[] = [];
  for (let n = 0; n < 100; n++) {
    const socket = createConnection({ host: "127.0.0.1", port: Number(address.split(":")[1]) });
    sockets.push(socket);
    await new Promise((resolve) => socket.on("error", () => {}).once("connect", resolve));
  }
  assert.notEqual(await send(url, sync), null);
  for (const socket of sockets) socket.destroy();
  await close();
});

test("an IPv6 address is in brackets, and what is no address is a fault of usage", async (t) => {
  for (const wrong of ["", "host", "::1:7", "host:70000"]) {
    await assert.rejects(
      openLink(wrong, geometry, () => Promise.resolve(null)),
      (error) => error instanceof CommandError && error.code === exitCode.usage,
      wrong,
    );
  }
  const link = await serve("[::1]:0").catch(() => null);
  if (link === null) return t.diagnostic("not tried: no IPv6 on this machine");
  assert.match(link.address, /^\[::1\]:[1-9][0-9]*$/);
  assert.notEqual(await send(link.url, sync), null);
  await link.close();
});
