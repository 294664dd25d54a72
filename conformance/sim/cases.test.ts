/** Cases: lists of faults that are kept, and how a failing list gets short. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { E } from "../../core/fp.ts";
import { type Case, decodeCase, encodeCase, optionsOf } from "./case.ts";
import { decodeFaults, type Fault } from "./fault.ts";
import { faultyConfiguration } from "./faulty_network.ts";
import { shrink, weaken } from "./shrink.ts";
import { simulate } from "./simulation.ts";

const folder = new URL("./cases/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();

test("there are cases", () => {
  assert.notEqual(files.length, 0);
});

for (const file of files) {
  const kept = decodeCase(readFileSync(new URL(file, folder), "utf8"));
  test(`case ${file}: ${E.isRight(kept) ? kept.right.what : kept.left}`, () => {
    assert.equal(E.isRight(kept), true, `${file} is a case`);
    if (E.isLeft(kept)) return;
    const options = optionsOf(kept.right.configuration);
    assert.equal(E.isRight(options), true, `${file} has valid parameters`);
    if (E.isLeft(options)) return;
    const { crash, violations } = simulate({ ...options.right, faults: kept.right.faults });
    assert.deepEqual([crash, violations], [null, []]);
  });
}

const crash: Fault = { type: "Crash", host: "mix-1", from: 1, until: 2 };

test("a case reads back as it was written", () => {
  const kept: Case = { what: "why", configuration: faultyConfiguration, faults: [crash] };
  assert.deepEqual(decodeCase(encodeCase(kept)), E.right(kept));
});

test("what is no case is refused with a reason", () => {
  const text = encodeCase({ what: "", configuration: faultyConfiguration, faults: [crash] });
  const refused = (change: (json: Record<string, unknown>) => void): string => {
    const json = JSON.parse(text);
    change(json);
    const decoded = decodeCase(JSON.stringify(json));
    return E.isLeft(decoded) ? decoded.left : "";
  };
  assert.match(refused((json) => (json["version"] = 2)), /^version 2/);
  assert.match(refused((json) => (json["configuration"] = {})), /configuration.seed/);
  assert.match(refused((json) => (json["faults"] = [{ ...crash, until: 1 }])), /fault 0 has a wrong until/);
  assert.equal(E.isLeft(decodeCase("{")), true);
  assert.equal(E.isLeft(decodeFaults([{ ...crash, type: "Flood" }])), true);
  assert.equal(E.isLeft(decodeFaults([{ type: "Cut", a: ["x"], b: "y", from: 0, until: 1 }])), true);
});

test("a failing list is shrunk to what it fails by, in order, and no item of it can be left out", () => {
  const lists = fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 20 });
  fc.assert(fc.property(lists, fc.infiniteStream(fc.boolean()), (items, coins) => {
    const needed = items.filter(() => coins.next().value === true).slice(0, 4);
    const fails = (part: ReadonlyArray<number>): boolean => needed.every((item) => part.includes(item));
    assert.deepEqual(shrink(items, fails), needed);
  }));
});

test("what is left is made as weak as still fails", () => {
  const halved = (item: number): ReadonlyArray<number> => (item > 1 ? [Math.ceil(item / 2)] : []);
  const fails = ([first, second]: ReadonlyArray<number>): boolean => first! >= 5 && second! >= 1;
  assert.deepEqual(weaken([40, 64], halved, fails), [5, 1]);
});
