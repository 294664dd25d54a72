/** Traps of the platform that no source file may step into. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isHostName, splitHostPort } from "../../core/pki/addresses.ts";
import { keyFromText } from "../../core/pki/text_key.ts";
import { sourcesBelow } from "./sources.ts";

test("[FAULT-51] no buffer is handed out with what was in memory before", () => {
  const found = sourcesBelow("core", "adapters", "cmd")
    .filter(({ text }) => /\ballocUnsafe(Slow)?\b|\bnew Buffer\(/.test(text))
    .map(({ path }) => path);
  assert.deepEqual(found, []);
});

test("[FAULT-51] texts of peers are read in linear time", () => {
  const pieces = ["a", ".", "-", ":", "[", "0", "1.", "xn--", "a-", "::", "ffff:", " ", "=", "%"];
  for (const piece of pieces) {
    const long = piece.repeat(200_000 / piece.length);
    assert.equal(splitHostPort(long), null);
    assert.equal(splitHostPort(`${long}!`), null);
    assert.equal(isHostName(long), false);
    assert.equal(keyFromText(`${long}!`), null);
  }
});
