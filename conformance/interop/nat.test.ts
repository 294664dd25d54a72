/**
 * A Provider behind NAT, among real processes on machines of their own (network namespaces): it listens at private
 * addresses and advertises the router's, of both families, where rules of nftables lead to it.
 *
 *     outside  203.0.113.2, 2001:db8:1::2  --+
 *                                            +-- router --  inside  10.77.0.2, fd77::2
 *     six                   2001:db8:6::2  --+
 *
 * Outside are the authority, mix1 and alice. six has no IPv4 at all: mix2 and bob there reach everybody, and are
 * reached, by the second addresses of what they are told.
 */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { nativeSuite } from "../../adapters/crypto_native.ts";
import { type NetworkPlan, type Place, planNetwork, portsOf, writeNetwork } from "../../adapters/network_plan.ts";
import { openLmdbStore } from "../../adapters/store_lmdb.ts";
import { createEpochClock } from "../../core/pki/epoch.ts";
import { type Descriptor, verifyDescriptor } from "../../core/pki/descriptor.ts";
import { descriptorsTable } from "../../core/mix/publication.ts";
import { readUint64 } from "../../core/bytes.ts";
import type { StoreEvent } from "../../core/effects.ts";
import { createLab, type Lab, whyNoNetworks } from "./namespaces.ts";
import { run, type Running, start } from "./process.ts";

const privateAddresses = ["10.77.0.2:3219", "[fd77::2]:3219"];
const publicAddresses = new Map([["tcp4", ["203.0.113.1:31001"]], ["tcp6", ["[2001:db8:1::1]:31001"]]]);

/** Who comes from elsewhere reaches what is inside by the ports that are passed on, and by nothing else. */
const routerRules = `table ip nat {
  chain in {
    type nat hook prerouting priority -100
    ip daddr 203.0.113.1 tcp dport 31001 dnat to 10.77.0.2:3219
    ip daddr 203.0.113.1 tcp dport 31080 dnat to 10.77.0.2:3280
  }
  chain out {
    type nat hook postrouting priority 100
    oifname != "lan" masquerade
  }
}
table ip6 nat {
  chain in {
    type nat hook prerouting priority -100
    ip6 daddr 2001:db8:1::1 tcp dport 31001 dnat to [fd77::2]:3219
    ip6 daddr 2001:db8:1::1 tcp dport 31080 dnat to [fd77::2]:3280
  }
  chain out {
    type nat hook postrouting priority 100
    iifname "lan" oifname != "lan" masquerade
  }
}
table inet wall {
  chain pass {
    type filter hook forward priority 0
    oifname "lan" ct state new ct status & dnat == 0 reject
  }
}
`;

const buildNetwork = (): Lab => {
  const lab = createLab(["outside", "six", "router", "inside"]);
  const cable = (machine: string, port: string, here: string[], there: string[]): void =>
    lab.connect({ machine: "router", port, addresses: here }, { machine, port, addresses: there });
  cable("outside", "wan", ["203.0.113.1/24", "2001:db8:1::1/64"], ["203.0.113.2/24", "2001:db8:1::2/64"]);
  cable("six", "wan6", ["2001:db8:6::1/64"], ["2001:db8:6::2/64"]);
  cable("inside", "lan", ["10.77.0.1/24", "fd77::1/64"], ["10.77.0.2/24", "fd77::2/64"]);
  lab.ip("outside", "route", "add", "default", "via", "203.0.113.1");
  lab.ip("outside", "-6", "route", "add", "default", "via", "2001:db8:1::1");
  lab.ip("six", "-6", "route", "add", "default", "via", "2001:db8:6::1");
  lab.ip("inside", "route", "add", "default", "via", "10.77.0.1");
  lab.ip("inside", "-6", "route", "add", "default", "via", "fd77::1");
  lab.forward("router", routerRules);
  return lab;
};

const planOf = (folder: string): NetworkPlan => {
  const size = { nonvoting: false, authorities: 1, layers: 1, mixesPerLayer: 2, providers: 1 };
  const ports = Array.from({ length: portsOf(size) }, (_, index) => 30_001 + index);
  const rates = { lambdaP: 0.02, lambdaL: 0.0005, lambdaD: 0.0005, lambdaM: 0.0002 };
  const clamps = {
    lambdaPMaxDelayMs: 500,
    lambdaLMaxDelayMs: 20_000,
    lambdaDMaxDelayMs: 20_000,
    lambdaMMaxDelayMs: 20_000,
  };
  const parameters = { sendRatePerMinute: 60_000, mu: 0.02, muMaxDelayMs: 500, ...rates, ...clamps };
  return planNetwork(nativeSuite, {
    ...size,
    folder,
    host: "203.0.113.2",
    ports,
    clients: ["alice", "bob"],
    parameters,
  });
};

const edit = (file: string, changes: ReadonlyArray<readonly [string | RegExp, string]>): void => {
  let text = readFileSync(file, "utf8");
  for (const [from, to] of changes) {
    assert.notEqual(text, text.replace(from, to), `${file}: ${from}`);
    text = text.replace(from, to);
  }
  writeFileSync(file, text);
};

const listText = (addresses: ReadonlyArray<string>): string => JSON.stringify(addresses);

/** The network's files, with the addresses of the machines that are theirs. */
const configure = (plan: NetworkPlan, periodMs: number): void => {
  const clock = createEpochClock(periodMs, Math.round(Date.now() - 1000 * periodMs));
  writeNetwork(plan, { clock, logFormat: "json", logLevel: "DEBUG", reconnectStepMs: 300, dwellMs: 3000 });
  const [authority, mix2, provider] = [plan.authorities[0]!, plan.mixes[1]!, plan.providers[0]!];
  const six = authority.address.replace("203.0.113.2", "[2001:db8:1::2]");
  const own = (place: Place): string => `Addresses = ${listText([place.address])}`;
  const both = `Addresses = ${listText([authority.address, six])}`;
  const everybody = [...plan.authorities, ...plan.mixes, ...plan.providers, ...plan.clients];
  for (const { file } of everybody) edit(file, [[own(authority), both]]);
  // A descriptor has to have an address under tcp4; nobody can get there.
  edit(mix2.file, [[own(mix2), `Addresses = ["[2001:db8:6::2]:30003"]\n  AltAddresses.tcp4 = ["192.0.2.6:30003"]`]]);
  const alternatives = [...publicAddresses].map(([of, list]) => `  AltAddresses.${of} = ${listText(list)}`).join("\n");
  edit(provider.file, [
    [own(provider), `Addresses = ${listText(privateAddresses)}\n  OnlyAdvertiseAltAddresses = true\n${alternatives}`],
    [/UserRegistrationHTTPAddresses = .*/, `UserRegistrationHTTPAddresses = ["10.77.0.2:3280", "[fd77::2]:3280"]`],
    [/(AdvertiseUser\w+ = ).*/, `$1["http://203.0.113.1:31080"]`],
  ]);
  const registration = /(\[Registration\]\n *Address = ).*/;
  edit(plan.clients[0]!.file, [[registration, `$1"203.0.113.1:31080"`]]);
  edit(plan.clients[1]!.file, [[registration, `$1"[2001:db8:1::1]:31080"`]]);
};

/** What the Provider has signed, of its store. */
const publishedBy = async ({ folder }: Place): Promise<Descriptor[]> => {
  const store = openLmdbStore(join(folder, "state.lmdb"), { replayTagsMax: 1000 });
  const effect = { type: "Scan", id: 1, table: descriptorsTable, after: null, limit: 10 } as const;
  const found = await new Promise<StoreEvent>((resolve) => store.perform(effect, resolve));
  await store.close();
  assert.equal(found.type, "Scanned");
  return (found.type === "Scanned" ? found.entries : []).map(({ key, value }) => {
    const descriptor = verifyDescriptor(nativeSuite, value.slice(1), readUint64(key, 0)!, null);
    if (descriptor._tag === "Left") throw new Error(descriptor.left);
    return descriptor.right;
  });
};

const useIt = async (lab: Lab, machine: string, file: string): Promise<void> => {
  const registered = await run("client", ["-f", file, "register"], lab.within(machine));
  assert.equal(registered.code, 0, registered.stderr);
  const pinged = await run("client", ["-f", file, "ping", "--timeout", "60"], lab.within(machine));
  assert.equal(pinged.code, 0, pinged.stderr);
  assert.match(pinged.stdout, /^loop at provider1 answered/);
};

/** Epochs are longer on a machine on which the processes took long to load. */
const periodFor = (loadMs: number): number => 12_000 * Math.min(5, Math.ceil(loadMs / 8000));

/** Then whatever is waited for ends with the processes. */
const deadlineMs = 150_000;

const runNetwork = async (lab: Lab, plan: NetworkPlan): Promise<void> => {
  const [mix1, mix2, provider] = [plan.mixes[0]!, plan.mixes[1]!, plan.providers[0]!];
  const began = Date.now();
  const processes: Running[] = [];
  const launch = (machine: string, command: string, { file }: Place): Running => {
    const running = start(command, ["-f", file, "--supervised"], lab.within(machine));
    processes.push(running);
    return running;
  };
  const endAll = (): void => {
    for (const { process } of processes) process.kill("SIGKILL");
  };
  const deadline = setTimeout(endAll, deadlineMs);
  try {
    launch("outside", "authority", plan.authorities[0]!);
    const mixes = [launch("outside", "mix", mix1), launch("six", "mix", mix2)];
    const inside = launch("inside", "mix", provider);
    await Promise.all(processes.map(({ says }) => says(`"loaded"`)));
    configure(plan, periodFor(Date.now() - began));
    for (const { process } of processes) process.stdin!.write("go\n");
    await inside.says("listening");
    for (const address of ["10.77.0.2", "fd77::2"]) {
      const [ip, ...words] = lab.within("outside");
      const { status } = spawnSync(ip, [...words, "timeout", "5", "bash", "-c", `: </dev/tcp/${address}/3219`]);
      assert.notEqual(status, 0, `${address} can be reached from outside, past the router's rules`);
    }
    await Promise.all(mixes.flatMap(({ says }) => [says("connected to provider1"), says("provider1 connected")]));
    await Promise.all([
      useIt(lab, "outside", plan.clients[0]!.file),
      useIt(lab, "six", plan.clients[1]!.file),
    ]);
    for (const { process: child } of processes) process.kill(child.pid!, "SIGTERM");
    for (const { ended } of processes) {
      const { code, stderr } = await ended;
      assert.equal(code, 0, stderr);
    }
  } finally {
    clearTimeout(deadline);
    endAll();
  }
};

test("[SEED-7-01] [HB-MIX-4-02] a Provider behind NAT advertises its router's addresses, and is reached there", async (t) => {
  const lack = whyNoNetworks();
  if (lack !== null) {
    assert.equal(lack.isProgram && process.env["REQUIRE_ALL"] === "1", false, lack.reason);
    return t.skip(`not run: ${lack.reason}`);
  }
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-nat-"));
  const lab = buildNetwork();
  try {
    const plan = planOf(folder);
    await runNetwork(lab, plan);
    const descriptors = await publishedBy(plan.providers[0]!);
    assert.notEqual(descriptors.length, 0);
    for (const { addresses } of descriptors) assert.deepEqual(new Map(addresses), publicAddresses);
  } finally {
    lab.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});
