/**
 * Configuration files under test: the Go programs', and pieces of our own.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FileKind, readConfig } from "../../../adapters/config/load.ts";

// deno-lint-ignore no-explicit-any
export type AnyKind = FileKind<any>;

export const folder = join(dirname(fileURLToPath(import.meta.url)), "go-config");
export const goFile = (name: string): string => readFileSync(join(folder, name), "utf8");

export const read = <A>(kind: FileKind<A>, toml: string): A => readConfig(kind, "x.toml", toml);

export const peer = `[[PKI.Voting.Peers]]
Addresses = ["127.0.0.1:30001"]
IdentityPublicKey = "${"00".repeat(32)}"
LinkPublicKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
`;
export const server = `[Server]
Identifier = "mix1"
Addresses = ["127.0.0.1:3219"]
DataDir = "/d"
`;
