/**
 * Which names a new account may not have because they look as another one would (drafts/keyserver.rst §6). Go has no
 * such rule: PRECIS keeps look-alikes apart and forbids none. What is ASCII is never forbidden.
 *
 * The rules are those by which browsers and registries judge host names (Unicode Technical Standard 39, §5), and need
 * no table of glyphs: a name is of one script in general use; it has no letters of phonetic notation, and no mark that
 * cannot be told from what is there without it; and not all of its letters look as Latin ones. What they leave is
 * look-alikes within one script, as l and 1, or rn and m.
 *
 * Scripts come from the JavaScript engine's Unicode. Those of the characters that names may have (user_name_table.ts)
 * were settled long before; and a name is judged once, when its account is made.
 *
 * @module
 */

/** The scripts of UAX 31, Table 5, and those that are written together. */
const writingSystems = [
  /^\p{scx=Arabic}*$/u,
  /^\p{scx=Armenian}*$/u,
  /^\p{scx=Bengali}*$/u,
  /^\p{scx=Cyrillic}*$/u,
  /^\p{scx=Devanagari}*$/u,
  /^\p{scx=Ethiopic}*$/u,
  /^\p{scx=Georgian}*$/u,
  /^\p{scx=Greek}*$/u,
  /^\p{scx=Gujarati}*$/u,
  /^\p{scx=Gurmukhi}*$/u,
  /^\p{scx=Hebrew}*$/u,
  /^\p{scx=Kannada}*$/u,
  /^\p{scx=Khmer}*$/u,
  /^\p{scx=Lao}*$/u,
  /^\p{scx=Latin}*$/u,
  /^\p{scx=Malayalam}*$/u,
  /^\p{scx=Myanmar}*$/u,
  /^\p{scx=Oriya}*$/u,
  /^\p{scx=Sinhala}*$/u,
  /^\p{scx=Tamil}*$/u,
  /^\p{scx=Telugu}*$/u,
  /^\p{scx=Thaana}*$/u,
  /^\p{scx=Thai}*$/u,
  /^\p{scx=Tibetan}*$/u,
  /^[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}]*$/u,
  /^[\p{scx=Han}\p{scx=Bopomofo}]*$/u,
  /^[\p{scx=Han}\p{scx=Hangul}]*$/u,
];

/** What goes with every script: ASCII but for its letters, the middle dot between two l, marks, joiners. */
const shared = /[\x21-\x40[-`{-~\u00b7\u0300-\u0362\u200c\u200d]/gu;

const isOfOneScript = (name: string): boolean => {
  const rest = name.replace(shared, "");
  return writingSystems.some((system) => system.test(rest));
};

/** Letters of phonetic and other notations, turned, hooked or small ones. */
const notation = /[\u01c0-\u01c3\u0250-\u02ff\u1d00-\u1dbf\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f]/u;

/** Those of them that languages are written in. */
const written = /[\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u0272\u0289\u028b\u0292]/gu;

/** Decomposed: a stroke or hook, which other letters have as theirs; a dot where one is; the same mark twice. */
const hiddenMark = /[\u0321\u0322\u0334-\u0338]|[\p{Soft_Dotted}\u0131\u0237]\p{M}*\u0307|(\p{M})\1/u;

/** Letters that look as Latin ones: Cyrillic, Greek and Armenian, small and capital. */
const latinTwins: ReadonlySet<string> = new Set(
  "\u0430\u0441\u0501\u0435\u04bb\u0456\u0458\u04cf\u043e\u0440\u051b\u0455\u051d\u0445\u0443\u04af\u0475" +
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u04ae\u051a\u051c" +
    "\u03b1\u03b3\u03b9\u03ba\u03bd\u03bf\u03c1\u03c5\u03f2\u03f3\u03c7" +
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7" +
    "\u0585\u0578\u057d\u0570\u0581\u0566\u0575\u0584\u053c\u0555\u054f\u054d",
);

/** Whether a name, in its mapped form, may look as another one. */
export const isConfusable = (name: string): boolean => {
  if (/^[!-~]*$/.test(name)) return false;
  const decomposed = name.normalize("NFD");
  if (!isOfOneScript(decomposed)) return true;
  if (notation.test(decomposed.replace(written, "")) || hiddenMark.test(decomposed)) return true;
  return [...decomposed.replace(/\P{L}/gu, "")].every((letter) => latinTwins.has(letter));
};
