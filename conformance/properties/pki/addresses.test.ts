/** Addresses: literal IP addresses as the platform reads them, DNS names as resolvers take them. */
import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { ipVersion, isHostName, splitHostPort } from "../../../core/pki/addresses.ts";

const mutated = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(text, fc.nat(), fc.constantFrom("", ":", "::", ".", "0", "f", "1.2.3.4", "g", "00000", "%1")).map(
    ([some, at, piece]) => {
      const cut = at % (some.length + 1);
      return some.slice(0, cut) + piece + some.slice(cut + (at % 3));
    },
  );

test("literal IP addresses are those that the platform takes, but for zones and mapped addresses", () => {
  const hosts = fc.oneof(fc.ipV4(), fc.ipV6(), mutated(fc.ipV4()), mutated(fc.ipV6()), mutated(mutated(fc.ipV6())));
  fc.assert(
    fc.property(hosts, (host) => {
      fc.pre(!host.includes("%"));
      const version = ipVersion(host);
      if (version === 4 && host.includes(":")) assert.equal(isIP(host), 6);
      else assert.equal(version ?? 0, isIP(host), host);
    }),
    { numRuns: 3000 },
  );
});

test("IPv4 addresses in IPv6 notation count as IPv4, as in Go", () => {
  for (const host of ["::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1"]) {
    assert.equal(ipVersion(host), 4);
  }
  for (const host of ["::192.0.2.1", "1::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "::ffff:0:192.0.2.1"]) {
    assert.equal(ipVersion(host), 6);
  }
  assert.equal(ipVersion("fe80::1%eth0"), null);
});

test("host and port are taken apart", () => {
  assert.deepEqual(splitHostPort("example.com:80"), { host: "example.com", port: 80 });
  assert.deepEqual(splitHostPort("[::1]:65535"), { host: "::1", port: 65535 });
  for (
    const address of [
      "",
      ":80",
      "host",
      "host:",
      "host:0",
      "host:65536",
      "host:-1",
      "::1:80",
      "[::1]80",
      "[]:80",
      "a:b:80",
      "[a]b:80",
    ]
  ) {
    assert.equal(splitHostPort(address), null, address);
  }
});

test("DNS names: letters, digits and inner hyphens, in labels of at most 63", () => {
  for (
    const host of [
      "a",
      "example.com",
      "EXAMPLE.com.",
      "a-b.c",
      "xn--bcher-kva.example",
      "bücher.example",
      "例え.jp",
      "1.2",
      "x".repeat(63),
    ]
  ) {
    assert.ok(isHostName(host), host);
  }
  const refused = [
    "",
    ".",
    "a..b",
    ".a",
    "-a",
    "a-",
    "a_b",
    "a b",
    "ab--c",
    "xn--",
    "x".repeat(64),
    "a.".repeat(127) + "a",
    "a:b",
    "ba\u0300d!",
    "\u0301a",
    "a/b",
    "a\u0000",
  ];
  for (const host of refused) assert.ok(!isHostName(host), host);
});
