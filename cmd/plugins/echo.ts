#!/usr/bin/env node
/**
 * The service echo, as the Go plugin of that name: what it is sent comes back whole, zeros and all.
 *
 * @module
 */
import { answersHelp } from "../../adapters/help.ts";
import { runPlugin } from "../../adapters/plugin_kit.ts";

const usage = "usage: echo\n\nA plugin: the Command of a [[Provider.CBORPluginKaetzchen]].";
if (answersHelp(process.argv.slice(2), usage)) process.exit();

await runPlugin({ name: "echo", handle: ({ payload }) => payload });
