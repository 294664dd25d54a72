/** Strangers before they say who they are: bounded in all and by address, known peers apart, newcomers let in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Admission, admit, leave, nobody } from "../../../core/wire/admission.ts";
import { addressOf } from "../../../core/wire/remote_address.ts";
import { deepFreeze } from "../noise/fixture.ts";

const limits = { strangersMax: 8, strangersPerAddress: 3, peersMax: 4 };

/** What the table should say, as plain lists, oldest first. */
interface Entry {
  readonly connection: string;
  readonly from: string;
  readonly isPeer: boolean;
}

const crowdOf = (entries: ReadonlyArray<Entry>, from: string) => entries.filter((entry) => entry.from === from).length;

test("[FAULT-16] whatever comes and goes, no bound is passed, newcomers stay, only a crowd loses its oldest", () => {
  const step = fc.record({
    from: fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"),
    isPeer: fc.boolean(),
    leaves: fc.boolean(),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let [admission, entries]: [Admission, ReadonlyArray<Entry>] = [nobody, []];
      steps.forEach(({ from, isPeer, leaves, which }, index) => {
        deepFreeze(admission);
        if (leaves) {
          const gone = entries[which % Math.max(1, entries.length)]?.connection ?? "nobody";
          admission = leave(admission, gone);
          entries = entries.filter(({ connection }) => connection !== gone);
          return;
        }
        const pool = entries.filter((entry) => entry.isPeer === isPeer);
        const admitted = admit(admission, limits, `conn/${index}`, from, isPeer);
        const victim = entries.find(({ connection }) => connection === admitted.evicted?.connection) ?? null;
        const isFull = pool.length >= (isPeer ? limits.peersMax : limits.strangersMax);
        const isCrowded = !isPeer && crowdOf(pool, from) >= limits.strangersPerAddress;
        assert.equal(victim !== null, isFull || isCrowded);
        if (victim !== null) {
          assert.equal(victim.isPeer, isPeer);
          assert.equal(pool.find((entry) => entry.from === victim.from), victim, "the oldest of its address");
          if (isCrowded) assert.equal(victim.from, from);
          else assert.equal(crowdOf(pool, victim.from), Math.max(...pool.map((entry) => crowdOf(pool, entry.from))));
        }
        admission = admitted.admission;
        entries = [...entries.filter((entry) => entry !== victim), { connection: `conn/${index}`, from, isPeer }];
      });
      assert.deepEqual([...admission.places.keys()].sort(), entries.map(({ connection }) => connection).sort());
      assert.equal(admission.peers.size, entries.filter(({ isPeer }) => isPeer).length);
      assert.equal(admission.strangers.size, entries.filter(({ isPeer }) => !isPeer).length);
    }),
    { numRuns: 200 },
  );
});

test("[FAULT-16] of strangers with one connection each the one that came first has to go", () => {
  let admission = nobody;
  const gone: Array<string | undefined> = [];
  for (let n = 0; n < 12; n++) {
    const admitted = admit(admission, limits, `conn/${n}`, `address ${n}`, false);
    admission = admitted.admission;
    gone.push(admitted.evicted?.connection);
  }
  assert.deepEqual(gone.slice(8), ["conn/0", "conn/1", "conn/2", "conn/3"]);
});

test("[FAULT-16] one address however it is written: IPv4 whole, IPv6 by its /64 prefix", () => {
  const same: ReadonlyArray<readonly [string, string]> = [
    ["203.0.113.7:1", "203.0.113.7"],
    ["[::ffff:203.0.113.7]:1", "203.0.113.7"],
    ["[::ffff:cb00:7107]:1", "203.0.113.7"],
    ["[2001:db8:1:2::5]:1", "2001:db8:1:2::/64"],
    ["[2001:0DB8:0001:2:ffff:ffff:ffff:ffff]:65535", "2001:db8:1:2::/64"],
    ["[2001:db8::1:2:0:5]:1", "2001:db8:0:0::/64"],
    ["[2001:db8:1:2:3::192.0.2.1]:1", "2001:db8:1:2::/64"],
    ["[fe80::1%eth0]:1", "fe80:0:0:0::/64"],
    ["[::1]:1", "0:0:0:0::/64"],
    ["mix.example.org:1", "mix.example.org"],
    ["unknown", "unknown"],
    ["[1:2:3]:1", "1:2:3"],
  ];
  for (const [remote, address] of same) assert.equal(addressOf(remote), address, remote);
});

test("[FAULT-51] whatever a remote address is, it is read in linear time and without an error", () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => typeof addressOf(text) === "string"));
  for (const piece of ["[", ":", "::", "%", "1:", "ffff:", "0."]) {
    assert.equal(typeof addressOf(piece.repeat(100_000)), "string");
  }
});
