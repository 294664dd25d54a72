/**
 * Connections over TCP: what goes wrong on the wire, and limits.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { createTcp, type Tcp, type TcpOptions } from "../../../adapters/tcp.ts";
import { defaultTcpLimits } from "../../../adapters/tcp_door.ts";
import { formatHostPort, parseHostPort } from "../../../adapters/address.ts";

type Event = { readonly type: string } & Record<string, unknown>;

/** A Tcp whose claimed events are kept; `until` waits for the first of a type. */
const keep = (options: Partial<TcpOptions> = {}) => {
  const events: Event[] = [];
  const waiters: Array<() => void> = [];
  const tcp = createTcp({
    report: (to, event, claim) => {
      if (!claim()) return;
      events.push({ to, ...event });
      if (event.type === "Incoming") tcp.resume(event.connection);
      for (const waiter of waiters) waiter();
    },
    limits: { ...defaultTcpLimits, accepted: 100 },
    onOverload: (reason) => events.push({ type: "Overload", reason }),
    ...options,
  });
  const until = (type: string): Promise<Event> =>
    new Promise((resolve) => {
      const check = (): void => {
        const found = events.find((event) => event.type === type);
        if (found !== undefined) resolve(found);
      };
      waiters.push(check);
      check();
    });
  return { tcp, events, until };
};

/** Ends with its sockets, whatever they wait for. */
const startServer = (
  onSocket: (socket: Socket) => void,
): Promise<{ readonly server: Server; readonly address: string }> =>
  new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      server.once("ending", () => socket.destroy());
      onSocket(socket);
    });
    server.listen(0, "127.0.0.1", () =>
      resolve({ server, address: `127.0.0.1:${(server.address() as { port: number }).port}` }));
  });

const closing = async (tcp: Tcp, server?: Server): Promise<void> => {
  await tcp.close();
  server?.emit("ending");
  await new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)));
};

/** A port that nothing listens at. */
const deadAddress = async (): Promise<string> => {
  const { server, address } = await startServer(() => {});
  await new Promise((resolve) => server.close(resolve));
  return address;
};

test("host:port is read strictly, with IPv6 hosts in brackets", () => {
  assert.deepEqual(parseHostPort("127.0.0.1:1"), { host: "127.0.0.1", port: 1 });
  assert.deepEqual(parseHostPort("[::1]:65535"), { host: "::1", port: 65535 });
  assert.deepEqual(parseHostPort("mix.example.org:3219"), { host: "mix.example.org", port: 3219 });
  for (const bad of ["", "127.0.0.1", "::1:1", "[::1]", "a:65536", "a:-1", "a: 1", "a b:1", "[a]b:1", ":1", "a:1\n"]) {
    assert.equal(parseHostPort(bad), null, bad);
  }
  assert.equal(formatHostPort("::1", 5), "[::1]:5");
});

test("a refused dial names each address with its code", async () => {
  const { tcp, until } = keep();
  const dead = await deadAddress();
  tcp.dial("a", { type: "Dial", addresses: [dead, "nonsense"], timeoutMs: 5000 });
  assert.equal((await until("DialFailed"))["reason"], `${dead} ECONNREFUSED, nonsense is not host:port`);
  await closing(tcp);
});

test("a dial without addresses fails, later", async () => {
  const { tcp, events, until } = keep();
  tcp.dial("a", { type: "Dial", addresses: [], timeoutMs: 5000 });
  assert.deepEqual(events, []);
  assert.equal((await until("DialFailed"))["reason"], "no address");
  await closing(tcp);
});

test("addresses are tried in turn until one answers", async () => {
  const { server, address } = await startServer((socket) => socket.resume());
  const { tcp, until } = keep();
  tcp.dial("a", { type: "Dial", addresses: [await deadAddress(), address], timeoutMs: 5000 });
  assert.deepEqual(await until("Connected"), { to: "a", type: "Connected", remote: address });
  await closing(tcp, server);
});

test("a dial that is hung up gives up without a word", async () => {
  const { server, address } = await startServer((socket) => socket.resume());
  const { tcp, events } = keep();
  tcp.dial("a", { type: "Dial", addresses: [address], timeoutMs: 5000 });
  tcp.hangup("a");
  tcp.dial("b", { type: "Dial", addresses: [address], timeoutMs: 5000 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(events.map(({ to, type }) => [to, type]), [["b", "Connected"]]);
  await closing(tcp, server);
});

test("IPv6 addresses are dialled and listened at", async () => {
  const { tcp, until } = keep();
  const address = await tcp.listen({ address: "[::1]:0", owner: "node" });
  assert.match(address, /^\[::1\]:[0-9]+$/);
  tcp.dial("a", { type: "Dial", addresses: [address], timeoutMs: 5000 });
  assert.equal((await until("Connected"))["remote"], address);
  assert.match((await until("Incoming"))["remote"] as string, /^\[::1\]:/);
  await closing(tcp);
});

test("a reset by the peer is one Disconnected", async () => {
  const { server, address } = await startServer((socket) => socket.on("data", () => socket.resetAndDestroy()));
  const { tcp, events, until } = keep();
  tcp.dial("a", { type: "Dial", addresses: [address], timeoutMs: 5000 });
  await until("Connected");
  tcp.write("a", [new Uint8Array(10)]);
  const { reason } = await until("Disconnected");
  assert.ok(["ECONNRESET", "closed"].includes(reason as string), reason as string);
  await closing(tcp, server);
  assert.equal(events.filter(({ type }) => type === "Disconnected").length, 1);
});

test("what the peer sent before it half-closed is received before Disconnected", async () => {
  const { server, address } = await startServer((socket) => socket.end(new Uint8Array(200_000)));
  const { tcp, events, until } = keep();
  tcp.dial("a", { type: "Dial", addresses: [address], timeoutMs: 5000 });
  assert.equal((await until("Disconnected"))["reason"], "closed");
  const received = events.filter(({ type }) => type === "Received").map((event) =>
    (event["bytes"] as Uint8Array).length
  );
  assert.equal(received.reduce((sum, length) => sum + length, 0), 200_000);
  assert.ok(received.every((length) => length <= 65_536));
  assert.equal(events.at(-1)?.type, "Disconnected");
  await closing(tcp, server);
});

test("Hangup delivers a big write before it closes", async () => {
  let total = 0;
  let ended: () => void = () => {};
  const end = new Promise<void>((resolve) => (ended = resolve));
  const { server, address } = await startServer((socket) => {
    socket.on("data", (chunk) => (total += chunk.length));
    socket.on("end", ended);
  });
  const { tcp, events, until } = keep();
  tcp.dial("a", { type: "Dial", addresses: [address], timeoutMs: 5000 });
  await until("Connected");
  tcp.write("a", [new Uint8Array(8_000_000)]);
  tcp.hangup("a");
  await end;
  assert.equal(total, 8_000_000);
  await closing(tcp, server);
  assert.deepEqual(events.map(({ type }) => type), ["Connected"]);
});

test("[FAULT-15] a peer that reads nothing cannot make us keep more than the limit", async () => {
  const { server, address } = await startServer((socket) => socket.pause());
  const { tcp, until } = keep();
  tcp.dial("a", { type: "Dial", addresses: [address], timeoutMs: 5000 });
  await until("Connected");
  const bytes = new Uint8Array(16 * 1024 * 1024);
  for (let n = 0; n < 6; n++) tcp.write("a", [bytes]);
  assert.equal((await until("Disconnected"))["reason"], "send-buffer-full");
  await closing(tcp, server);
});

const shortly = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test("a paused connection reads nothing until it is resumed", async () => {
  const { server, address } = await startServer((socket) =>
    socket.once("data", () => socket.write(new Uint8Array(10)))
  );
  const { tcp, events, until } = keep();
  tcp.dial("a", { type: "Dial", addresses: [address], timeoutMs: 5000 });
  await until("Connected");
  tcp.pause("a");
  tcp.write("a", [new Uint8Array(1)]);
  await shortly();
  assert.deepEqual(events.map(({ type }) => type), ["Connected", "Flushed"]);
  tcp.resume("a");
  await until("Received");
  await closing(tcp, server);
});

test("while held, no connection is read: open ones, new ones, and ones that are resumed meanwhile", async () => {
  const { server, address } = await startServer((socket) => {
    socket.write(new Uint8Array(10));
    socket.on("data", () => socket.write(new Uint8Array(10)));
  });
  const { tcp, events, until } = keep();
  const dial = (at: string): void => tcp.dial(at, { type: "Dial", addresses: [address], timeoutMs: 5000 });
  dial("open");
  await until("Received");
  tcp.hold(true);
  dial("new");
  dial("resumed");
  while (events.filter(({ type }) => type === "Connected").length < 3) await shortly();
  tcp.pause("resumed");
  tcp.resume("resumed");
  tcp.write("open", [new Uint8Array(1)]);
  await shortly();
  const receivers = (): unknown[] => events.filter(({ type }) => type === "Received").map(({ to }) => to);
  assert.deepEqual(receivers(), ["open"]);
  tcp.hold(false);
  while (receivers().length < 4) await shortly();
  assert.deepEqual(receivers().sort(), ["new", "open", "open", "resumed"]);
  await closing(tcp, server);
});

test("[FAULT-16] connections from outside beyond the cap are closed at once", async () => {
  const { tcp, events, until } = keep({ limits: { ...defaultTcpLimits, accepted: 1 } });
  const { host, port } = parseHostPort(await tcp.listen({ address: "127.0.0.1:0", owner: "node" }))!;
  const first = createConnection({ host, port });
  await until("Incoming");
  const second = createConnection({ host, port });
  second.on("error", () => {});
  await new Promise((resolve) => second.on("close", resolve));
  assert.equal(events.filter(({ type }) => type === "Overload").length, 1);
  assert.equal(events.filter(({ type }) => type === "Incoming").length, 1);
  first.destroy();
  await closing(tcp);
});

test("[FAULT-16] an address beyond its share is turned away by reason; who is hung up on does not count", async () => {
  const { tcp, events, until } = keep({ limits: { ...defaultTcpLimits, acceptedPerAddress: 1 } });
  const { host, port } = parseHostPort(await tcp.listen({ address: "127.0.0.1:0", owner: "node" }))!;
  const open = (): Socket => createConnection({ host, port }).on("error", () => {});
  const first = open();
  const { connection } = await until("Incoming");
  await new Promise((resolve) => open().on("close", resolve));
  assert.deepEqual(events.filter(({ type }) => type === "Overload"), [{
    type: "Overload",
    reason: "address-accepted",
  }]);
  // We have hung up on it, and it lingers: that takes nobody's place.
  tcp.hangup(connection as string);
  const third = open();
  while (events.filter(({ type }) => type === "Incoming").length < 2) await new Promise((r) => setTimeout(r, 5));
  for (const socket of [first, third]) socket.destroy();
  await closing(tcp);
});

test("[FAULT-16] where too much waits for peers that do not read, the slowest is lost", async () => {
  const { server, address } = await startServer((socket) => socket.pause());
  const { tcp, events, until } = keep({ limits: { ...defaultTcpLimits, unsentBytes: 8 * 1024 * 1024 } });
  for (const at of ["slow", "slower"]) tcp.dial(at, { type: "Dial", addresses: [address], timeoutMs: 5000 });
  while (events.filter(({ type }) => type === "Connected").length < 2) await new Promise((r) => setTimeout(r, 5));
  tcp.write("slow", [new Uint8Array(3 * 1024 * 1024)]);
  tcp.write("slower", [new Uint8Array(4 * 1024 * 1024)]);
  tcp.write("slow", [new Uint8Array(512 * 1024)]);
  assert.deepEqual(events.filter(({ type }) => type === "Disconnected"), []);
  tcp.write("slow", [new Uint8Array(1024 * 1024)]);
  const lost = await until("Disconnected");
  assert.deepEqual([lost["to"], lost["reason"]], ["slower", "send-buffer-full"]);
  await closing(tcp, server);
});

test("[FAULT-47] a peer that never reads holds nobody up: others on the same process are served", async () => {
  const { server, address } = await startServer((socket) => {
    // Who says hello first is read; who does not, never.
    socket.once("data", (bytes: Uint8Array) => bytes[0] === 1 ? socket.resume() : socket.pause());
  });
  const { tcp, events } = keep();
  for (const at of ["wedged", "well"]) tcp.dial(at, { type: "Dial", addresses: [address], timeoutMs: 5000 });
  while (events.filter(({ type }) => type === "Connected").length < 2) await new Promise((r) => setTimeout(r, 5));
  for (let n = 0; n < 300; n++) {
    tcp.write("wedged", [new Uint8Array(51_200)]);
    tcp.write("well", [new Uint8Array(51_200).fill(1)]);
  }
  const flushed = (at: string): number => events.filter(({ type, to }) => type === "Flushed" && to === at).length;
  while (flushed("well") < 300) await new Promise((r) => setTimeout(r, 5));
  assert.equal(flushed("wedged") < 300, true);
  await closing(tcp, server);
});

test("an address that is none, or that this machine does not have, is a CommandError with exit code 69", async () => {
  const { tcp } = keep();
  const listening = (address: string) => tcp.listen({ address, owner: "node" });
  await assert.rejects(listening("nonsense"), { code: 69, message: "cannot listen on nonsense: it is not host:port" });
  await assert.rejects(listening("192.0.2.1:1"), {
    code: 69,
    message: "cannot listen on 192.0.2.1:1: this machine has no such address",
  });
  await closing(tcp);
});
