/** What a Provider's file may say of plugins, and what is said of what it may not. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readConfig } from "../../../adapters/config/load.ts";
import { serverFile } from "../../../adapters/config/server.ts";
import { pluginLimitsOf, pluginServiceOf } from "../../../adapters/config/server_plugins.ts";

const folder = dirname(fileURLToPath(import.meta.url));
const base = readFileSync(join(folder, "go-config", "provider.toml"), "utf8").split(
  "  [[Provider.CBORPluginKaetzchen]]",
);
/** Go's file with other plugins. */
const fileWith = (plugins: string): string => {
  const rest = base.at(-1)!.split("\n\n").slice(1).join("\n\n");
  return `${base[0]}\n${plugins}\n${rest}`;
};
const read = (plugins: string) => readConfig(serverFile, "provider.toml", fileWith(plugins));
const complaint = (plugins: string): string => {
  try {
    read(plugins);
  } catch (error) {
    return (error as Error).message.replace(/^provider.toml(:\d+)?: /, "");
  }
  return "none";
};

const plugin = (more: string, capability = "echo", endpoint = "+echo"): string =>
  `[[Provider.CBORPluginKaetzchen]]\nCapability = "${capability}"\nEndpoint = "${endpoint}"\n${more}\n`;
const command = 'Command = "/bin/echo"';

test("[HB-MIX-4-05] a plugin's arguments are its Config, in the file's order; without MaxConcurrency one runs", () => {
  const [one] = read(plugin(`${command}\nConfig = { b = "2", a = "1" }`)).Provider!.CBORPluginKaetzchen;
  assert.deepEqual(pluginServiceOf(one!), {
    capability: "echo",
    endpoint: "+echo",
    command: "/bin/echo",
    args: ["-b", "2", "-a", "1"],
    instances: 1,
  });
  assert.equal(pluginServiceOf({ ...one!, MaxConcurrency: 0 }).instances, 1);
  assert.equal(pluginServiceOf({ ...one!, MaxConcurrency: 3 }).instances, 3);
});

test("[FAULT-35] what is wrong with a plugin's table is named with its key", () => {
  const at = "Provider.CBORPluginKaetzchen";
  const cases: ReadonlyArray<readonly [plugins: string, message: RegExp]> = [
    [plugin(""), /Command: is missing/],
    [plugin('Command = ""'), /Command: expected text that is not empty/],
    [plugin(`${command}\nConfig = { a = 1 }`), /Config.a: expected text/],
    [plugin(`${command}\nMaxConcurrency = 65`), /MaxConcurrency: expected at most 64/],
    [plugin(command) + plugin(command, "echo", "+other"), /Capability: "echo" is configured more than once/],
    [plugin(command) + plugin(command, "other"), /Endpoint: "\+echo" is used more than once/],
    [plugin(command, "loop"), /Capability: "loop" is configured more than once/],
    [plugin(command, "echo", "+Echo"), /Endpoint: expected a lower-case local part/],
    [plugin(`${command}\nComand = "x"`), /Comand: unknown key/],
  ];
  for (const [plugins, message] of cases) {
    const said = complaint(plugins);
    assert.match(said, message, said);
    assert.equal(said.includes(at), true, said);
  }
});

test("the table Samtpfote.Plugins bounds what a plugin may take", () => {
  const { Samtpfote } = read(`${plugin(command)}\n[Samtpfote.Plugins]\nQueueLength = 7\nRequestTimeout = "1m"\n`);
  const { queueLength, requestMs, requestsAtOnce } = pluginLimitsOf(Samtpfote.Plugins);
  assert.deepEqual([queueLength, requestMs, requestsAtOnce], [7, 60_000, 1]);
});
