/**
 * A mix or Provider as one process: its machines and how they start. The daemon and the simulator use these two.
 *
 * @module
 */
import type { Spawn } from "../effects.ts";
import { createDirectoryMachine } from "../pki/directory.ts";
import { createPlugin } from "../provider/plugin.ts";
import { createSystem, type System } from "../system.ts";
import { createSession } from "../wire/session.ts";
import type { NodeConfig } from "./config.ts";
import { createNode } from "./node.ts";
import type { Bound } from "./turn.ts";

/** Where the node lives, and where a listener's connections and registrations are announced. */
export const nodeAddress = "node";

export const createMixSystem = (bound: Bound): System =>
  createSystem({
    node: createNode(bound),
    session: createSession(bound),
    directory: createDirectoryMachine(bound.suite),
    plugin: createPlugin(),
  });

/** What a fresh system is started with. */
export const bootMix = (
  config: NodeConfig,
): ReadonlyArray<Spawn> => [{ type: "Spawn", at: nodeAddress, kind: "node", config }];
