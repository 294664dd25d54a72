/**
 * The operator's guide, typed on five machines and a router (network namespaces): each block of
 * docs/operators_guide.md that says where, in its order, with bash. What stands between the guide and this one machine,
 * and nothing else, is replaced:
 *
 * - folders of the system by such of each machine; epochs of 20 minutes, delays and waits of seconds by shorter ones
 * - users, by root; scp, by cp; systemd, by the command lines of the units in docs/systemd
 *
 * On Node only: the guide installs Node. With SAMTPFOTE_LONG=1 only (test:long): it takes a minute or two.
 */
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { isDeno } from "../house/runtimes.ts";
import { createLab, type Lab, whyNoNetworks } from "./namespaces.ts";
import { root } from "./process.ts";

const hosts = ["alpha", "bravo", "charlie", "delta", "echo"];
const addresses = {
  alpha: "192.0.2.11",
  bravo: "192.0.2.12",
  charlie: "192.0.2.13",
  delta: "192.0.2.14",
  router: "192.0.2.15",
};

interface Block {
  readonly machines: ReadonlyArray<string>;
  readonly script: string;
}

const readGuide = (): ReadonlyArray<Block> =>
  [...readFileSync(join(root, "docs", "operators_guide.md"), "utf8").matchAll(/^```sh ([a-z ]+)\n([^]*?)^```$/gm)]
    .map(([, machines, script]) => ({ machines: machines!.split(" "), script: script! }));

/** A switch at which all are but echo, which is behind the router. */
const buildNetwork = (): Lab => {
  const lab = createLab(["hub", "router", ...hosts]);
  lab.ip("hub", "link", "add", "switch", "type", "bridge");
  lab.ip("hub", "link", "set", "switch", "up");
  for (const [machine, address] of Object.entries(addresses)) {
    const here = { machine: "hub", port: machine, addresses: [] };
    lab.connect(here, { machine, port: "net", addresses: [`${address}/24`] });
    lab.ip("hub", "link", "set", machine, "master", "switch");
  }
  const router = { machine: "router", port: "lan", addresses: ["10.0.0.1/24"] };
  lab.connect(router, { machine: "echo", port: "net", addresses: ["10.0.0.5/24"] });
  lab.ip("echo", "route", "add", "default", "via", "10.0.0.1");
  return lab;
};

/** What is not this machine's to have: users, other machines' files, systemd. */
const prelude = `set -e
hostname() { echo $ME; }
node() { "$NODE" "$@"; }
useradd() { :; }
chown() { :; }
runuser() { shift 3; "$@"; }
scp() {
  local to=\${!#}
  local folder=\${to#*:}
  cp "\${@:1:$#-1}" "\${folder/$LAB\\/$ME\\//$LAB/\${to%%:*}/}"
}
systemctl() {
  local unit=\${!#}
  case $1 in
    enable)
      local command=$(sed -n 's/^ExecStart=//p' "$LAB/$ME/units/\${unit%@*}@.service")
      command=\${command//\\/etc\\/samtpfote/$LAB/$ME/etc}
      command=\${command/#\\/usr\\/bin\\/node/$NODE}
      \${command//%i/\${unit#*@}} < /dev/null > "$LAB/$ME/\${unit%@*}.log" 2>&1 &
      echo $! > "$LAB/$ME/\${unit%@*}.pid" ;;
    reload) kill -HUP "$(cat "$LAB/$ME/\${unit%@*}.pid")" ;;
  esac
}
`;

interface Site {
  readonly lab: Lab;
  readonly folder: string;
}

/** Then a block has hung: its commands are killed. */
const blockMs = 240_000;

const type = ({ lab, folder }: Site, machine: string, script: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const own = (place: string): string => join(folder, machine, place);
    const here = [["/opt/samtpfote", root], ["/etc/samtpfote", own("etc")], [
      "/var/lib/samtpfote",
      own("lib"),
    ]] as const;
    const local = [...here, ["/etc/systemd/system", own("units")] as const]
      .reduce((text, [from, to]) => text.replaceAll(from, to), script);
    const [ip, ...words] = lab.within(machine);
    const env = { ...process.env, ME: machine, LAB: folder, NODE: process.execPath, NO_COLOR: "1" };
    const child = spawn(ip, [...words, "bash", "-c", prelude + local], { cwd: root, env, timeout: blockMs });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    }
    child.stdin.end();
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve(output);
      reject(new Error(`on ${machine}, ended with ${code}:\n${script}\n${output}`));
    });
  });

const logsIn = (folder: string): string =>
  readdirSync(folder).filter((name) => name.endsWith(".log"))
    .map((name) => `${folder}/${name}: ${readFileSync(join(folder, name), "utf8").slice(-2000)}`).join("\n");

/** A round of votes has to fit in, and all processes have to load before the second one. */
const periodFor = (elapsedMs: number): string => `${Math.min(60, Math.max(15, Math.ceil(elapsedMs / 500)))}s`;

const shortWaits = [
  ["sleep 10", "sleep 1"],
  ["SendRatePerMinute = 100", "SendRatePerMinute = 6000"],
  [" Mu = 0.00025", " Mu = 0.01"],
  ["LambdaP = 0.00025", "LambdaP = 0.01"],
] as const;

const follow = async (site: Site, guide: ReadonlyArray<Block>): Promise<string> => {
  let [output, period] = ["", "20m"];
  for (const { machines, script } of guide) {
    const began = Date.now();
    const typed = shortWaits.reduce(
      (text, [from, to]) => text.replace(from, to),
      script.replace(`"20m"`, `"${period}"`),
    );
    // All have ended before the first failure ends the test.
    const typing = machines.map((machine) => type(site, machine, typed));
    await Promise.allSettled(typing);
    output += (await Promise.all(typing)).join("");
    // The first commands that run the program tell how fast this machine is.
    if (period === "20m" && script.includes(" -g ")) period = periodFor(Date.now() - began);
  }
  return output;
};

test("the operator's guide leads to a network that delivers", async (t) => {
  if (isDeno) return t.skip("not run: the guide installs Node");
  if (process.env["SAMTPFOTE_LONG"] !== "1") {
    return t.skip("not run: it takes a minute or two; SAMTPFOTE_LONG=1 asks for it");
  }
  const lack = whyNoNetworks();
  if (lack !== null) {
    assert.equal(lack.isProgram && process.env["REQUIRE_ALL"] === "1", false, lack.reason);
    return t.skip(`not run: ${lack.reason}`);
  }
  const guide = readGuide();
  assert.deepEqual(guide.flatMap(({ machines }) => machines).filter((one) => ![...hosts, "router"].includes(one)), []);
  const folder = mkdtempSync(join(tmpdir(), "samtpfote-guide-"));
  const lab = buildNetwork();
  try {
    for (const host of [...hosts, "router"]) mkdirSync(join(folder, host, "units"), { recursive: true });
    const output = await follow({ lab, folder }, guide).catch((error: Error) => {
      throw new Error([error.message, ...hosts.map((host) => logsIn(join(folder, host)))].join("\n"));
    });
    assert.match(output, /^registered alice@delta$/m);
    assert.match(output, /^loop at echo answered after/m);
    assert.match(output, /^kept at delta$/m);
    assert.match(output, /^192.0.2.13:62472 .* (yes|-) /m);
    assert.match(output, /^85LNsYzdMxKxOKFTK0YYkgDwRBkHZpVQqz3GkVnB3Dk=$/m);
    for (const host of hosts) assert.match(logsIn(join(folder, host)), /the configuration is read again/, host);
  } finally {
    lab.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});
