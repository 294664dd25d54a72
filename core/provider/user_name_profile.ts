/**
 * The profiles UsernameCaseMapped and UsernameCasePreserved of RFC 8265 §3.3 and §3.4: width mapping, case mapping,
 * NFC, the Bidi Rule (RFC 5893 §2), the IdentifierClass (RFC 8264 §4.2) with its contextual rules (RFC 5892
 * Appendix A).
 *
 * One departure from the RFC, which golang.org/x/text has as well: names that are not ASCII keep the Bidi Rule even
 * where no character is written from right to left, so that they neither begin with a digit nor end with punctuation.
 *
 * @module
 */
import { type BidiClass, type CharacterKind, characterKind, type ContextCategory } from "./user_name_table.ts";

export type Profile = "case-mapped" | "case-preserved";

/** The name in the profile's form; null where it has none. The empty name is none (RFC 8265 §3.1). */
export const enforceUserName = (profile: Profile, name: string): string | null => {
  const narrow = mapWidth(name);
  const mapped = (profile === "case-mapped" ? lowerCase(narrow) : narrow).normalize("NFC");
  const kinds: CharacterKind[] = [];
  for (const character of mapped) {
    const kind = characterKind(character.codePointAt(0)!);
    if (kind === null) return null;
    kinds.push(kind);
  }
  const isAscii = /^[!-~]*$/.test(name);
  if (kinds.length === 0 || !(isAscii || keepsBidiRule(kinds.map(([bidi]) => bidi)))) return null;
  return keepsContextRules(kinds.map(([, category]) => category)) ? mapped : null;
};

/** §3.3.1: full-width and half-width characters become what they stand for. */
const mapWidth = (text: string): string =>
  text.replace(/[\uff01-\uffef\u3000]/g, (character) => character.normalize("NFKC"));

/** A capital that the table does not know and that stands for nothing else: younger than the table, to be refused. */
const isYounger = (letter: string): boolean =>
  /^\p{Lu}$/u.test(letter) && characterKind(letter.codePointAt(0)!) === null && letter.normalize("NFKC") === letter;

/** §3.3.2, letter by letter: a sigma at the end of a word is lower-cased as any other. */
const lowerCase = (text: string): string =>
  Array.from(text, (letter) => (isYounger(letter) ? letter : letter.toLowerCase())).join("");

/* The Bidi Rule (RFC 5893 §2) */

const inRightToLeft: ReadonlySet<BidiClass> = new Set(["R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"]);
const inLeftToRight: ReadonlySet<BidiClass> = new Set(["L", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"]);
const endsRightToLeft: ReadonlySet<BidiClass> = new Set(["R", "AL", "EN", "AN"]);
const endsLeftToRight: ReadonlySet<BidiClass> = new Set(["L", "EN"]);

const keepsBidiRule = (classes: ReadonlyArray<BidiClass>): boolean => {
  const isRightToLeft = classes[0] === "R" || classes[0] === "AL";
  if (!isRightToLeft && classes[0] !== "L") return false;
  const [allowed, ends] = isRightToLeft ? [inRightToLeft, endsRightToLeft] : [inLeftToRight, endsLeftToRight];
  const last = classes.filter((one) => one !== "NSM").at(-1)!;
  const mixesDigits = isRightToLeft && classes.includes("EN") && classes.includes("AN");
  return classes.every((one) => allowed.has(one)) && ends.has(last) && !mixesDigits;
};

/* The contextual rules (RFC 5892 Appendix A) */

type Categories = ReadonlyArray<ContextCategory | null>;

const isOneOf = (category: ContextCategory | null | undefined, ...some: ReadonlyArray<ContextCategory>): boolean =>
  category !== null && category !== undefined && some.includes(category);

const keepsContextRules = (categories: Categories): boolean =>
  categories.every((category, at) => category === null || keepsContextRule(categories, category, at));

const keepsContextRule = (categories: Categories, category: ContextCategory, at: number): boolean => {
  const [before, after] = [categories[at - 1], categories[at + 1]];
  switch (category) {
    case "zwnj":
      return isVirama(before) || isBetweenJoined(categories, at);
    case "zwj":
      return isVirama(before);
    case "middle-dot":
      return before === "small-l" && after === "small-l";
    case "keraia":
      return isOneOf(after, "greek", "greek-through", "keraia");
    case "geresh":
      return isOneOf(before, "hebrew", "hebrew-through", "geresh");
    case "katakana-middle-dot":
      return categories.includes("japanese");
    case "arabic-digit":
      return !categories.includes("extended-arabic-digit");
    case "extended-arabic-digit":
      return !categories.includes("arabic-digit");
    default:
      return true;
  }
};

const isVirama = (category: ContextCategory | null | undefined): boolean =>
  isOneOf(category, "virama", "virama-through");

const joinsThrough = (category: ContextCategory | null | undefined): boolean =>
  isOneOf(category, "joins-through", "virama-through", "greek-through", "hebrew-through");

/** Appendix A.1: before it a letter that joins the next, behind it one that joins the previous. */
const isBetweenJoined = (categories: Categories, at: number): boolean => {
  let [before, after] = [at - 1, at + 1];
  while (joinsThrough(categories[before])) before--;
  while (joinsThrough(categories[after])) after++;
  return isOneOf(categories[before], "joins-next", "joins-both") &&
    isOneOf(categories[after], "joins-previous", "joins-both");
};
