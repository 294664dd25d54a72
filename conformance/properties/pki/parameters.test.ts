/** The Loopix parameters of an authority's configuration. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { E } from "../../../core/fp.ts";
import { completeParameters, maxDelayLimitMs } from "../../../core/pki/parameters.ts";
import { left, right } from "./fixture.ts";

test("what is absent or 0 becomes the default, and its clamp the 0.99999 quantile", () => {
  const defaults = right(completeParameters({}));
  assert.equal(defaults.sendRatePerMinute, 100);
  for (const rate of ["mu", "lambdaP", "lambdaL", "lambdaD", "lambdaM"] as const) {
    assert.equal(defaults[rate], 0.00025);
    assert.equal(defaults[`${rate}MaxDelayMs`], 46051);
  }
  assert.deepEqual(right(completeParameters({ mu: 0, lambdaPMaxDelayMs: 0, sendRatePerMinute: 0 })), defaults);
});

test("the clamp follows the rate, up to six hours", () => {
  assert.equal(right(completeParameters({ lambdaP: 0.01 })).lambdaPMaxDelayMs, 1151);
  assert.equal(right(completeParameters({ lambdaD: 1e-9 })).lambdaDMaxDelayMs, maxDelayLimitMs);
});

test("[HB-AUTH-2-02] negative rates, infinities and clamps of more than six hours are refused, by name", () => {
  assert.equal(left(completeParameters({ mu: -1 })), "mu-invalid");
  assert.equal(left(completeParameters({ lambdaL: Infinity })), "lambdaL-invalid");
  assert.equal(left(completeParameters({ lambdaMMaxDelayMs: -1 })), "lambdaMMaxDelayMs-invalid");
  assert.equal(left(completeParameters({ lambdaMMaxDelayMs: 0.5 })), "lambdaMMaxDelayMs-invalid");
  assert.equal(left(completeParameters({ muMaxDelayMs: maxDelayLimitMs + 1 })), "muMaxDelayMs-out-of-range");
  assert.equal(left(completeParameters({ sendRatePerMinute: -1 })), "sendRatePerMinute-invalid");
  assert.ok(E.isRight(completeParameters({ muMaxDelayMs: maxDelayLimitMs })));
});
