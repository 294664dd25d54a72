#!/usr/bin/env node
/**
 * The service echo, as the Go plugin of that name: what it is sent comes back whole, zeros and all.
 *
 * @module
 */
import { runPlugin } from "../../adapters/plugin_kit.ts";

await runPlugin({ name: "echo", handle: ({ payload }) => payload });
