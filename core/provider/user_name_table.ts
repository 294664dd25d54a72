/**
 * Which characters user names may have, and how they behave next to others: the IdentifierClass of RFC 8264 §4.2 with
 * the contextual rules' categories (RFC 5892 Appendix A) and the Bidi classes (RFC 5893), Unicode 11.0.0.
 *
 * The version is that of golang.org/x/text v0.3.2, which the Go Provider of 2020 maps names with; it is fixed, so that
 * a name does not change with the JavaScript engine. The runs were written from that package's own tables.
 *
 * @module
 */

/** Unicode's Bidi_Class, as far as characters of the IdentifierClass have them. */
export type BidiClass = "L" | "R" | "EN" | "ES" | "ET" | "AN" | "CS" | "ON" | "BN" | "NSM" | "AL";

/**
 * What a character is to the contextual rules; null for most. Those from `zwnj` on are subject to a rule themselves.
 */
export type ContextCategory =
  | "joins-next"
  | "joins-both"
  | "joins-through"
  | "joins-previous"
  | "virama"
  | "virama-through"
  | "small-l"
  | "greek"
  | "greek-through"
  | "hebrew"
  | "hebrew-through"
  | "japanese"
  | "zwnj"
  | "zwj"
  | "middle-dot"
  | "keraia"
  | "geresh"
  | "katakana-middle-dot"
  | "arabic-digit"
  | "extended-arabic-digit";

export type CharacterKind = readonly [BidiClass, ContextCategory | null];

const kinds: Readonly<Record<string, CharacterKind>> = {
  A: ["L", null],
  B: ["R", null],
  C: ["EN", null],
  D: ["ES", null],
  E: ["ET", null],
  F: ["AN", null],
  G: ["CS", null],
  H: ["ON", null],
  I: ["AL", null],
  J: ["L", "joins-next"],
  K: ["R", "joins-next"],
  L: ["AL", "joins-next"],
  M: ["L", "joins-both"],
  N: ["R", "joins-both"],
  O: ["AL", "joins-both"],
  P: ["L", "joins-through"],
  Q: ["NSM", "joins-through"],
  R: ["R", "joins-previous"],
  S: ["AL", "joins-previous"],
  T: ["L", "virama"],
  U: ["L", "virama-through"],
  V: ["NSM", "virama-through"],
  W: ["L", "small-l"],
  X: ["L", "greek"],
  Y: ["NSM", "greek-through"],
  Z: ["R", "hebrew"],
  "!": ["NSM", "hebrew-through"],
  "#": ["L", "japanese"],
  "$": ["BN", "zwnj"],
  "%": ["BN", "zwj"],
  "&": ["ON", "middle-dot"],
  "(": ["ON", "keraia"],
  ")": ["R", "geresh"],
  "*": ["ON", "katakana-middle-dot"],
  "+": ["AN", "arabic-digit"],
  ",": ["EN", "extended-arabic-digit"],
};

/** Runs of code points from U+0000 on: a length in base 36 (absent: 1) and a kind; `~` is none. The rest has none. */
const runs =
  "x~2H3E5HDGD2GaCG6HqA6HbAWeA4H1k~&8~nA~vA~1mA2~bA2~8A~1hA~1wA9~10A3~58A9~2H7A4~aH2Aq~H~Ah~1sQ2~Q2~aQ~wQ4X~(2X3~3X~X" +
  "6~X~3X~X~kX~19X7~bXeA3~X3~2X~6X3mA~5Q2~4mA~12A2~A6~13A~A8~19!~!~2!~2!~!8~rZ4~4Z2)r~bQ5~OI4SOSOS5O4SdO~7OS2OlQa+4~2" +
  "OQ3SI4~fOiS12OS2O9SOSOS2O2S~S7Q2~6Q2I2Q~4Q2Sa,3O2IOg~SQ3O5S4OS9OSOSOS2OSrQ2~SbO3SfO2S4OSO2S3O2S6O12IbQIe~aBxN9Q2B7" +
  "~Q2~mB4QB9QB3QB5Qi~R5N2RNRaNRN3B3Q4~OI4OISO2S1h~aO3SIS2O2S2O~3OS4Ol~fQ~wQ1jAQAQ4A8Q4AV3A7Q8~2A2Q2~aA~gAQ2A~8A2~2A2" +
  "~mA~7A~A3~4A2~Q4A4Q2~2A2~2AVA8~A8~2A2Q2~cAa~A~Q2~2QA~6A4~2A2~mA~7A~A2~A2~2A2~Q~3A2Q4~2Q2~2QV3~Qa~A9~aA2Q3AQb~2QA~9" +
  "A~3A~mA~7A~2A~5A2~Q4A5Q~2QA~2AV2~Af~2A2Q2~aA9~A6Q~Q2A~8A2~2A2~mA~7A~2A~5A2~Q2AQA4Q2~2A2~2AV8~QA7~3A2Q2~aA~Ag~QA~6A" +
  "3~3A~4A3~2A~A~2A3~2A3~3A3~cA4~2AQ2A3~3A~3AV2~A6~Ae~aAg~Q3AQ8A~3A~nA~gA3~A3Q4A~3Q~3QV7~2Q~3A5~2A2Q2~aAg~AQ2A~8A~3A~" +
  "nA~aA~5A2~Q2AP5A~P2A~2AQV7~2A7~A~2A2Q2~aA~2Ad~2Q2A~8A~3A~15A2V4A4Q~3A~3AVA5~4A7~3A2Q2~aAa~6A2~2A~iA3~oA~9A~A2~7A3~" +
  "V4~3A3Q~Q~8A6~aA2~2Ad~1cAQA~6QV5~7A8Q~aA13~2A~A2~2A~A2~A6~4A~7A~3A~A~A2~2A~4AQA~6Q~2QA2~5A~A~6Q2~aA4~2Aw~Aa~Ac~2Q6" +
  "~aAb~Q~Q~Q4~5A~4A~4A~4A~4A~4A~cA~3A4~2Q~Q5~5QAQ~2QV~2Q5A6Q~4Q~4Q~4Q~4Q~4Q~cQ~3Q9~Q1l~19A4QA6QA2V2A2QbA6~8A2Q4A3QgA" +
  "4QdAQ2A2Q6AQfAQ2~12A~A5~A2~17A2~3A74~21A~4A2~7A~A~4A2~15A~4A2~xA~4A2~7A~A~4A2~fA~1lA~4A2~1vA2~3Qw~gAg~2eA2~6A3~h8A" +
  "2~hA~qA5~23A6~8A7~dA~4A2QVb~iA2QVb~iA2Qc~dA~3A~2Qc~1gA2~A7Q8AQ2A9QVQ3~A4~AQ2~aA12~aA6~2hM7~5A2QyMQM5~1yAa~vA~3Q4A2" +
  "Q3A4~2AQ6A3Qa~14A2~5Ab~18A4~qA6~aA12~nA2Q2AQ4~1iAQA7Q~VAQ2A8Q6AaQ2~QaA6~aAd~A8~eQ1u~4Q1cAQA5QAQ5AQAT7A4~aAh~9Qc~2Q" +
  "wA4Q2A2QTV2Q1kAQA2Q3AQA3Q2Tc~18A8Q2A2Q8~aA3~1dA2~9A7~17A2~3Ag~3Q~dQA7Q4AQ6AQ3A2Q6~12A5XA3~Ab~Ai~As~dA~yA11~1mQ~5Q4" +
  "aA2~2sAmX2~6X2~12X2~6X2~8X~X~X~X~iX~X~X~X~X~X~X3~8X8~8X8~8X8~5X~5X7~3X~3X~X5~3X3~5X5~3X~7X~X5~3X~3X~Xh~$%5e~dQ4~Q3" +
  "~cQ1t~Ar~A1g~2A22j~1bA~1bA~sA2~2vA6~4A3Q2Ac~12A~A5~A2~1kAn~VnA9~7A~7A~7A~7A~7A~7A~7A~7A~wQ1b~Hd1~#A#y~4Qe~A4~2e#2~" +
  "2Q2~2#2~2i#*A2#6~17A34~rA1h~g#e8~52u#22~g6o#g~wdA1v~1aA2~7hA3~sAk~1bAQ4~aQ~HsA2~2Q1yAa~2Q11~9H2~26A~nAH2~1bA1p~A2~" +
  "8AQ3AV4AQpA2QAo~1eMJAc~1wAVQa~aA6~iQ6A3~A~2AQ12A8Q2~nAbQAT18~3Q1cAQ2A4Q2AQ3ATe~bA6~5AQpA~15A6Q2A2Q2A2Q9~3AQ8AQA2~a" +
  "A6~nA3~2AQ1fAQA3Q2A2Q5A2QAQAo~3A2~cA2Q2A2~4AVa~6A2~6A2~6A9~7A~7A~17A5~5AXa~39AQ2AQ2A~AV2~aA6~8mcA6sq~2#~#~2#a~#~#~" +
  "2#2~3#6s~!ld~gQ1v~Ib0~cA~qA~jA~2A~fA2~eAy~3fA76~Q3m~tA3~1dAf~Qv~wAd~kA~8A6~12A5Q5~uA2~10A4~8A1c~4eA2~aA6~10A4~10A4" +
  "~14A8~1gA4c~8nA9~mAa~8A48~6B2~B~18B~2B3~B2~nBa~nB9~vB1t~jB~2Ba~mBa~qB1y~1kB6~2B1s~B3Q~2Q5~4Q4B~3B~tB2~3Q4~Vw~tB3~t" +
  "Bz~5NRBR~2R2BK5R4NK5NR3NR2BR2Qp~1iBa~mBa~jBd~NRN3R3NR2NRN2RNR32~21B1j~1fBd~1fBd~LxOSO4Q8~aFcm~tBa~B8~3OShOIbQ4v~AQ" +
  "1iAeQVv~aAf~V2Q1dA4Q2AVQl~pA7~aA6~3Q10A5QA6Q2V~aA4~3A9~zAQ2~A9~2Q1gA9QAT4A4~4Q3~bA~Az~iA~sA3Q2AQT2Q6~Q1t~7A~A~4A~f" +
  "A~aA7~1bAQ3A7QV5~aA6~2Q2A~8A2~2A2~mA~7A~2A~5A~2Q3AQ4A2~2A2~2AT2~A6~A5~7A2~7Q3~5Q3v~1kA8Q2AV2QAQ4A5~aA4~Qx~1fA6QAQ4" +
  "A2QAVQ2A~A8~aA4m~1eA4Q2~4A2QAVQn~4A2Qy~1fA8Q2AQAVQ3~Ab~aA12~17AQAQ2A6QTQ8~aA1i~rA2~3Q2A4QA4QV4~aA5i~1bA9QAVQ2t~22A" +
  "l~A74~A6Q2P2Q14AQV4Q2A4Q8~V8~A6Q2A3Q14A2~4AdQAQV3~Ay~1lA7b~9A~12A7Q~6QAUAf~aAo~uA2~mQ~A7QA2QA2Q21~7A~2A~12A6Q3~Q~2" +
  "Q~5Q2VAQ8~aA6~6A~2A~11A~2Q~2AQAVA7~aA8m~jA2Q2A7d~pmA6e~5gA24c~trA34h~g7A6nt~ftA7~vA~aA2u~uA2~5Qb~1cA7Q9~4Ac~aA9~lA" +
  "5~jAj4~1sA3k~1xAb~1bAg~4QdA1s~2Au~4qaAe~kzA7bh~7z#29~b0A1s4~2zA5~dA3~9A7~aA3~2Q43q~2A3Q3~6A8~8Q2~7Qu~4Q44~3Y1iz~1j" +
  "Q4~1eQ8~Qe~Qm~5Q~fQ11s~7Q~hQ2~7Q~2Q~5Q1jp~5hBb~7Q15~1wN7Q5~aB4h2~wyf#15~379#b~66#2~4g2#e~5rl#";

interface Run {
  /** The first code point. */
  readonly from: number;
  readonly kind: CharacterKind | null;
}

const parseRuns = (): ReadonlyArray<Run> => {
  const parsed: Run[] = [];
  let from = 0;
  for (const [, length, letter] of runs.matchAll(/([0-9a-z]*)([^0-9a-z])/g)) {
    parsed.push({ from, kind: kinds[letter!] ?? null });
    from += length === "" ? 1 : parseInt(length!, 36);
  }
  return [...parsed, { from, kind: null }];
};

const table = parseRuns();

/** What a code point is in a user name; null where it cannot be in one. */
export const characterKind = (codePoint: number): CharacterKind | null => {
  let [low, high] = [0, table.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (table[middle]!.from <= codePoint) low = middle;
    else high = middle - 1;
  }
  return table[low]!.kind;
};
