#!/usr/bin/env node
/**
 * The service spool: memspool's spools for Go clients, spools of version 2, and replicas of replicated spools.
 *
 * @module
 */
import { CommandError } from "../../adapters/exit.ts";
import { answersHelp } from "../../adapters/help.ts";
import { logLine, pluginFlags, runPlugin } from "../../adapters/plugin_kit.ts";
import { readSpoolFlags, spoolFlagsText } from "../../adapters/spool_flags.ts";
import { startSpoolPlugin } from "../../adapters/spool_plugin.ts";

const usage = `usage: spool FLAGS

A plugin: the Command of a [[Provider.CBORPluginKaetzchen]], the flags from its Config.

${spoolFlagsText}`;
if (answersHelp(process.argv.slice(2), usage)) process.exit();

try {
  const flags = readSpoolFlags(pluginFlags());
  process.umask(0o077);
  const { handle, stop, link } = await startSpoolPlugin(flags);
  const versions = flags.limits.acceptsVersion1 ? "1 2" : "2";
  const parameters = {
    versions,
    replicas: flags.replicas > 0 ? "yes" : "no",
    replica_epochs: String(flags.replicaEpochs),
    ...(link === null ? {} : { link }),
  };
  await runPlugin({ name: "spool", parameters, handle, onStop: stop });
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  logLine(error.message);
  process.exit(error.code);
}
