/**
 * A plugin made with the installed package (package.test.ts).
 *
 * @module
 */
import { runPlugin } from "samtpfote/plugin";

await runPlugin({
  name: "reverse",
  parameters: { version: "1" },
  handle: ({ message }) => message?.toReversed() ?? null,
});
