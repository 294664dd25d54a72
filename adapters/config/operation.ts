/**
 * What concerns whoever runs a daemon: the management socket (wire-facts §11.1) and where monitoring asks.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import { flag, hostPort, optional, table, type TableOf, text } from "./codec.ts";
import type { Problem } from "./problems.ts";

/** [Management] of the Go server's file; [Samtpfote.Management] of an authority's, which Go does not have. */
export const management = table({
  Enable: optional(flag, false, "Whether there is a management socket."),
  Path: optional(text, "", "The socket, mode 0600. Default: management_sock in DataDir."),
});

export type ManagementTable = TableOf<typeof management["keys"]>;

/** Keys of [Samtpfote], for daemons. */
export const observationKeys = {
  MetricsAddress: optional(
    hostPort,
    null,
    "Where monitoring asks over HTTP (/metrics, /ready, /live), host:port; nowhere by default. Not for the public.",
  ),
};

/** As Go does: a path is absolute. */
export const checkManagement = ({ Enable, Path }: ManagementTable, path: ReadonlyArray<string>): Problem[] =>
  !Enable || Path === "" || isAbsolute(Path) ? [] : [{ path: [...path, "Path"], message: "expected an absolute path" }];

/** The path of the socket, or null where there is none. */
export const managementPath = ({ Enable, Path }: ManagementTable, dataDir: string): string | null =>
  Enable ? Path === "" ? join(dataDir, "management_sock") : Path : null;
