/**
 * No packet disappears without a reason, whatever happens in whatever order; and no step changes the state that it was
 * given.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Commit, Effect, Scan, StoreEvent } from "../../../core/effects.ts";
import { packetsHeld } from "../../../core/mix/state.ts";
import type { RoutingCommand } from "../../../core/sphinx/commands.ts";
import type { SendDropped } from "../../../core/wire/session.ts";
import {
  assertConserved,
  createRunning,
  documentOf,
  type Driver,
  firstEpoch,
  geometry,
  keysOf,
  packetOf,
  recipient,
} from "./fixture.ts";

/** What happens next; numbers choose among what is there to choose from. */
type Happening =
  | {
    readonly type: "pass" | "send" | "unwrap" | "store" | "sent" | "down" | "connect" | "retrieve" | "document";
    readonly n: number;
  }
  | { readonly type: "advance"; readonly ms: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ type: fc.constant("pass" as const), n: fc.nat(999) }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant("send" as const), n: fc.nat(99) }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant("unwrap" as const), n: fc.nat(999) }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant("store" as const), n: fc.nat(99) }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("sent" as const), n: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("down" as const, "document" as const), n: fc.nat(99) }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constantFrom("connect" as const, "retrieve" as const), n: fc.nat(99) }),
  },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 400 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 9000 }) }) },
);

const pickOf = <A>(items: ReadonlyArray<A>, n: number): A | undefined => items[n % Math.max(1, items.length)];

const surbPayload = (flags: number): Uint8Array => {
  const payload = new Uint8Array(geometry.forwardPayloadLength);
  payload[0] = flags;
  // A header that may be one, a first hop that is linked, and a key.
  payload.set(keysOf("a1").identityKey, 2 + geometry.headerLength);
  payload.fill(5, 2 + geometry.headerLength + 32, 2 + geometry.surbLength);
  return payload;
};

/** Commands and payload of every kind, right and wrong. */
const contents = (n: number): { commands: ReadonlyArray<RoutingCommand>; payload: Uint8Array | null } => {
  const hop: RoutingCommand = {
    type: "NextNodeHop",
    id: keysOf(pickOf(["a1", "a2", "c1", "c2", "b1"], n)!).identityKey,
    mac: new Uint8Array(16),
  };
  const delay: RoutingCommand = { type: "NodeDelay", delayMs: [0, 1, 50, 2000, 20_001, 2 ** 32 - 1][n % 6]! };
  const to: RoutingCommand = {
    type: "Recipient",
    id: recipient(pickOf(["alice", "Alice", "bob", "+loop", "+keyserver", "x y"], n)!),
  };
  const reply: RoutingCommand = { type: "SurbReply", id: new Uint8Array(16).fill(n) };
  const forward = surbPayload(n % 3);
  switch (n % 7) {
    case 0:
    case 1:
      return { commands: [delay, hop], payload: null };
    case 2:
    case 3:
      return { commands: [{ ...delay, delayMs: 5 }, to], payload: forward };
    case 4:
      return { commands: [to], payload: forward };
    case 5:
      return { commands: [to, reply], payload: new Uint8Array(geometry.forwardPayloadLength + 16) };
    default:
      return { commands: [delay], payload: forward };
  }
};

const sessions = (driver: Driver, type?: "client" | "any"): ReadonlyArray<string> =>
  [...driver.state().connections.bySession]
    .filter(([, connection]) =>
      type === "any" || (connection.type === "up" && (type === undefined || connection.peer.type === type))
    )
    .map(([session]) => session);

/** Who was told to go goes. */
const leave = (driver: Driver): void => {
  for (const [session, { type }] of driver.state().connections.bySession) {
    if (type === "closing") driver.report(session, { type: "Down", reason: "closed" });
  }
};

const answerStore = (driver: Driver, n: number): void => {
  const at = n % Math.max(1, driver.storing.length);
  const [effect] = driver.storing.splice(at, 1);
  if (effect === undefined) return;
  const fails = n % 5 === 0;
  if (!fails) return void driver.tell(driver.store.perform(effect));
  const failure: Record<typeof effect.type, StoreEvent> = {
    Commit: { type: "CommitFailed", id: (effect as Commit).id, reason: "full" },
    DropTable: { type: "CommitFailed", id: effect.id, reason: "io" },
    Scan: { type: "ScanFailed", id: (effect as Scan).id, reason: "io" },
    TestAndSetReplay: { type: "ReplayTested", id: effect.id, outcome: "failed" },
  };
  driver.tell(failure[effect.type]);
};

const answerUnwrap = (driver: Driver, n: number): void => {
  const at = n % Math.max(1, driver.unwraps.length);
  const [unwrap] = driver.unwraps.splice(at, 1);
  if (unwrap === undefined) return;
  const { id, keys } = unwrap;
  if (n % 13 === 0) return void driver.tell({ type: "Unwrapped", id, result: { ok: false, reason: "mac" } });
  const { commands, payload } = contents(n);
  const replayTag = new Uint8Array(32).fill(n % 10 === 0 ? 0 : id & 255).fill(n % 10 === 0 ? 0 : id >> 8, 16);
  const result = {
    ok: true,
    epoch: keys[0]!.epoch,
    replayTag,
    commands,
    packet: payload === null ? packetOf(unwrap) : null,
    payload,
  } as const;
  driver.tell({ type: "Unwrapped", id, result });
};

const dropReasons: ReadonlyArray<SendDropped | null> = [
  null,
  null,
  "session-queue-full",
  "session-send-late",
  "session-down",
];

const happen = (driver: Driver, next: Happening): void => {
  switch (next.type) {
    case "pass":
      while (driver.unwraps.length > 0) answerUnwrap(driver, next.n);
      happen(driver, { type: "send", n: next.n + 1 });
      answerUnwrap(driver, next.n);
      for (let more = 0; driver.storing.length > 0; more++) answerStore(driver, next.n + more);
      return;
    case "send": {
      const session = pickOf(sessions(driver, next.n % 10 === 0 ? "any" : undefined), next.n);
      if (session !== undefined) driver.send(session, new Uint8Array(next.n === 0 ? 3 : geometry.packetLength));
      return;
    }
    case "unwrap":
      return answerUnwrap(driver, next.n);
    case "store":
      return answerStore(driver, next.n);
    case "sent": {
      const [id, session] = pickOf([...driver.state().sending], next.n) ?? [];
      if (id !== undefined) driver.report(session!, { type: "Sent", id, dropped: pickOf(dropReasons, next.n)! });
      return;
    }
    case "down": {
      const links = [...driver.state().links.bySession.keys()];
      const session = pickOf([...links, ...sessions(driver, "any")], next.n);
      if (session !== undefined) driver.report(session, { type: "Down", reason: "peer-closed" });
      return driver.linkUp();
    }
    case "connect":
      leave(driver);
      if (next.n % 2 === 0) driver.connectUser("alice");
      return void driver.connectNode(pickOf(["a1", "a2", "c1", "c2", "p2"], next.n)!);
    case "retrieve": {
      const session = pickOf(sessions(driver, "client"), next.n);
      const sequence = next.n % 7 === 0 ? 5 : 0;
      if (session === undefined) return;
      return void driver.report(session, { type: "Command", command: { type: "RetrieveMessage", sequence } });
    }
    case "document":
      driver.document(documentOf(firstEpoch + (next.n % 3)));
      return driver.linkUp();
    case "advance": {
      driver.sleep(next.ms);
      return void driver.tick();
    }
  }
};

/** What packets came to in all runs: they would prove little if they all ended alike. */
const totals = new Map<string, number>();

const addTotals = ({ seen }: Driver): void => {
  for (const [end, n] of [...seen.counts, ...seen.drops]) totals.set(end, (totals.get(end) ?? 0) + n);
};

const run = (name: string, happenings: ReadonlyArray<Happening>): void => {
  const driver = createRunning(name, {
    limits: { schedulerQueueSize: 2, unwrapPendingMax: 5, reauthIntervalMs: 5000 },
    provider: { mailboxEntriesMax: 3 },
    elapsedMs: 80_000,
  });
  if (name === "p1") driver.register("alice");
  driver.connectNode(name === "p1" ? "c1" : "a1");
  if (name === "p1") driver.connectUser("alice");
  for (const next of happenings) {
    happen(driver, next);
    assertConserved(driver);
    assert.ok(packetsHeld(driver.state()) <= 5 + 2 + 1024 + 64 * 4);
  }
  addTotals(driver);
};

test("[KAETZ-6-01] at a Provider received + created = forwarded + delivered + dropped + held, at every step", () => {
  fc.assert(
    fc.property(fc.array(happening, { minLength: 20, maxLength: 150, size: "max" }), (list) => run("p1", list)),
    {
      numRuns: 40,
    },
  );
});

test("at a mix received + created = forwarded + delivered + dropped + held, at every step", () => {
  fc.assert(
    fc.property(fc.array(happening, { minLength: 20, maxLength: 150, size: "max" }), (list) => run("b1", list)),
    {
      numRuns: 40,
    },
  );
});

test("those runs saw packets come to all common ends", () => {
  const common = ["packets-forwarded", "packets-delivered", "packets-created", "replayed", "replay-store-failed"];
  assert.deepEqual([...common, "store-failed", "client-must-forward"].filter((end) => !totals.has(end)), []);
});

test("the same events give the same effects: a step depends on nothing else", () => {
  const once = (): ReadonlyArray<ReadonlyArray<Effect>> => {
    const driver = createRunning("a1", { sendDecoyTraffic: true });
    const session = driver.connectNode("p1");
    return [driver.send(session), driver.advance(5000)];
  };
  assert.deepEqual(once(), once());
});
