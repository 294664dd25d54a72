#!/usr/bin/env node
// What an operator names as Command: programs in TypeScript need a loader, and a Command takes flags only.
import { register } from "tsx/esm/api";

register();
await import("./spool.ts");
