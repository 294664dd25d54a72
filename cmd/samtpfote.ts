#!/usr/bin/env node
/**
 * The commands under one name, as the installed package has them: `npx samtpfote mix -f FILE` is what `cmd/mix.ts -f
 * FILE` is among the sources.
 *
 * @module
 */
import { exitCode } from "../adapters/exit.ts";
import { answersHelp } from "../adapters/help.ts";

const commands: Readonly<Record<string, () => Promise<unknown>>> = {
  authority: () => import("./authority.ts"),
  client: () => import("./client.ts"),
  genconfig: () => import("./genconfig.ts"),
  manage: () => import("./manage.ts"),
  mix: () => import("./mix.ts"),
  testnet: () => import("./testnet.ts"),
};

const usage = `usage: samtpfote COMMAND …

  genconfig   make the files and keys of a whole network
  authority   run a directory authority
  mix         run a mix, or a Provider
  client      register, ping services, send and fetch messages
  manage      speak to the management socket of a node
  testnet     run a whole network on this machine

samtpfote COMMAND --help tells more; samtpfote --version says which it is.`;

const [name = ""] = process.argv.splice(2, 1);
if (Object.hasOwn(commands, name)) await commands[name]!();
else if (!answersHelp([name], usage)) {
  console.error(name === "" ? "samtpfote: a command is missing" : `samtpfote: unknown command "${name}"`);
  console.error(usage);
  process.exit(exitCode.usage);
}
