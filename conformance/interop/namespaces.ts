/**
 * Machines of their own networks on this one: Linux network namespaces, with cables between them and rules in them.
 *
 * They are removed with `remove`, with this process in any other case but SIGKILL, and after that by whoever makes some
 * next: their names carry the id of their process.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";

const prefix = "samtpfote";

interface Output {
  readonly code: number | null;
  readonly text: string;
}

const execute = (program: string, args: ReadonlyArray<string>, input = ""): Output => {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: "utf8", timeout: 20_000 });
  return { code: status, text: error === undefined ? `${stdout}${stderr}`.trim() : error.message };
};

const must = (program: string, args: ReadonlyArray<string>, input?: string): string => {
  const { code, text } = execute(program, args, input);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${text}`);
  return text;
};

export interface Lab {
  /** The command line that runs the program that follows on a machine. */
  readonly within: (machine: string) => readonly [string, ...string[]];
  /** A cable; addresses with their prefix lengths. */
  readonly connect: (one: End, other: End) => void;
  /** A command of iproute2 on a machine: `route add …`. */
  readonly ip: (machine: string, ...words: ReadonlyArray<string>) => void;
  /** Forwards packets by rules of nftables. */
  readonly forward: (machine: string, rules: string) => void;
  /** Ends what still runs on the machines, and removes them. */
  readonly remove: () => void;
}

export interface End {
  readonly machine: string;
  /** The interface's name. */
  readonly port: string;
  readonly addresses: ReadonlyArray<string>;
}

const removeAbandoned = (): void => {
  for (const line of must("ip", ["netns", "list"]).split("\n")) {
    const name = line.split(" ")[0]!;
    const owner = new RegExp(`^${prefix}-(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) execute("ip", ["netns", "delete", name]);
  }
};

/** Machines without any network but their loopback. Throws where there are no namespaces to be had. */
export const createLab = (machines: ReadonlyArray<string>): Lab => {
  const nameOf = (machine: string): string => `${prefix}-${process.pid}-${machine}`;
  const remove = (): void => {
    process.off("exit", remove);
    for (const machine of machines) {
      const running = execute("ip", ["netns", "pids", nameOf(machine)]);
      if (running.code === 0 && running.text !== "") execute("kill", ["-KILL", ...running.text.split("\n")]);
      execute("ip", ["netns", "delete", nameOf(machine)]);
    }
  };
  removeAbandoned();
  process.on("exit", remove);
  const inside = (machine: string, ...words: ReadonlyArray<string>): string =>
    must("ip", ["-n", nameOf(machine), ...words]);
  const within: Lab["within"] = (machine) => ["ip", "netns", "exec", nameOf(machine)];
  try {
    for (const machine of machines) {
      must("ip", ["netns", "add", nameOf(machine)]);
      inside(machine, "link", "set", "lo", "up");
    }
  } catch (error) {
    remove();
    throw error;
  }
  return {
    within,
    remove,
    ip: (machine, ...words) => void inside(machine, ...words),
    connect: (one, other) => {
      const veth = ["type", "veth", "peer", "name", other.port, "netns", nameOf(other.machine)];
      inside(one.machine, "link", "add", one.port, ...veth);
      for (const { machine, port, addresses } of [one, other]) {
        for (const address of addresses) {
          inside(machine, "address", "add", address, "dev", port, ...(address.includes(":") ? ["nodad"] : []));
        }
        inside(machine, "link", "set", port, "up");
      }
    },
    forward: (machine, rules) => {
      const [ip, ...words] = within(machine);
      for (const setting of ["ipv4/ip_forward", "ipv6/conf/all/forwarding"]) {
        must(ip, [...words, "sh", "-c", `echo 1 > /proc/sys/net/${setting}`]);
      }
      must(ip, [...words, "nft", "-f", "-"], rules);
    },
  };
};

const probeRules = `table ip6 probe {
  chain in { type nat hook prerouting priority -100; tcp dport 1 dnat to [::1]:1; }
  chain out { type nat hook postrouting priority 100; masquerade; }
}
`;

export interface Lack {
  readonly reason: string;
  /** A program that can be installed; else it is the system that does not allow it. */
  readonly isProgram: boolean;
}

/** Why this machine has no such networks, found by making one; null where it has. */
export const whyNoNetworks = (): Lack | null => {
  if (process.getuid?.() !== 0) return { reason: "network namespaces need Linux and root", isProgram: false };
  const missing = ["ip", "nft", "curl"].find((program) => execute(program, ["--version"]).code === null);
  if (missing !== undefined) {
    return { reason: `the program ${missing} is missing`, isProgram: true };
  }
  try {
    const lab = createLab(["probe1", "probe2"]);
    try {
      lab.connect(
        { machine: "probe1", port: "probe", addresses: ["192.0.2.1/30", "fd00::1/64"] },
        { machine: "probe2", port: "probe", addresses: ["192.0.2.2/30", "fd00::2/64"] },
      );
      lab.forward("probe1", probeRules);
      return null;
    } finally {
      lab.remove();
    }
  } catch (error) {
    return { reason: (error as Error).message, isProgram: false };
  }
};
