/**
 * precis.json: user names by the profiles UsernameCaseMapped and UsernameCasePreserved (RFC 8265), every code point by
 * itself and behind a Hebrew letter, and names in which rules meet. Ours alone refuses the empty name, as the RFC does.
 *
 * @module
 */
import { enforceUserName, type Profile } from "../../core/provider/user_name_profile.ts";
import { compareValues, type Differences } from "./compare.ts";
import { entries, list, nullable, object, text } from "./decode.ts";
import { defineFormat, eachCase, singleCase, type VectorCase } from "./format.ts";

/** `unchanged`: ranges of code points in hex; `changed`: what others become; the rest is refused. */
const points = object({ unchanged: text, changed: entries(text) });

const file = object({
  unicode: text,
  codePoints: object({ mapped: points, preserved: points, mappedAfterAlef: points }),
  cases: list(object({ input: text, mapped: nullable(text), preserved: nullable(text) })),
});

const expand = (ranges: string): ReadonlySet<number> => {
  const all = new Set<number>();
  for (const range of ranges.split(" ")) {
    const [first, last = first] = range.split("-").map((hex) => parseInt(hex, 16));
    for (let point = first!; point <= last!; point++) all.add(point);
  }
  return all;
};

interface Points {
  readonly unchanged: string;
  readonly changed: ReadonlyArray<readonly [string, string]>;
}

const isSurrogate = (point: number): boolean => point >= 0xd800 && point < 0xe000;
/** Of the planes without letters, the first characters: none of them is in a name. */
const isLooked = (point: number): boolean => point < 0x33480 || (point & 0xffff) < 0x200;

const checkPoints = (profile: Profile, prefix: string, { unchanged, changed }: Points): Differences => {
  const [same, others] = [expand(unchanged), new Map(changed)];
  const wrong: string[] = [];
  for (let point = 0; point < 0x110000; point++) {
    if (isSurrogate(point) || !isLooked(point)) continue;
    const name = prefix + String.fromCodePoint(point);
    const expected = same.has(point) ? name : others.get(point.toString(16)) ?? null;
    if (enforceUserName(profile, name) !== expected) wrong.push(point.toString(16));
  }
  return compareValues("wrong code points", wrong.slice(0, 20).join(" "), "");
};

/** Does not depend on the crypto provider, and takes a while. */
const pointsCase = (label: string, profile: Profile, prefix: string, points: Points): VectorCase => {
  let differences: Differences | null = null;
  return singleCase(label, () => differences ??= checkPoints(profile, prefix, points));
};

const expectedOf = (input: string, result: string | null): string | null => (input === "" ? null : result);

export const precisFormat = defineFormat("precis", file, ({ codePoints, cases }) => [
  pointsCase("codePoints.mapped", "case-mapped", "", codePoints.mapped),
  pointsCase("codePoints.preserved", "case-preserved", "", codePoints.preserved),
  pointsCase("codePoints.mappedAfterAlef", "case-mapped", "\u05d0", codePoints.mappedAfterAlef),
  ...eachCase("cases", cases, (_suite, { input, mapped, preserved }) => [
    ...compareValues("mapped", enforceUserName("case-mapped", input), expectedOf(input, mapped)),
    ...compareValues("preserved", enforceUserName("case-preserved", input), expectedOf(input, preserved)),
  ]),
]);
