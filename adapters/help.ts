/**
 * What every program answers before it reads its arguments: its usage, and the version of the package.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { isBuilt } from "./built.ts";

const packageFile = new URL(isBuilt ? "../../package.json" : "../package.json", import.meta.url);

const versionLine = (): string => {
  const { name, version } = JSON.parse(readFileSync(packageFile, "utf8")) as { name: string; version: string };
  return `${name} ${version}`;
};

/** Prints what --help (-h) or --version asks for; false where neither is among the arguments. */
export const answersHelp = (args: ReadonlyArray<string>, usage: string): boolean => {
  const isAsked = (...flags: ReadonlyArray<string>): boolean => flags.some((flag) => args.includes(flag));
  const text = isAsked("--help", "-h") ? usage : isAsked("--version") ? versionLine() : null;
  if (text !== null) console.log(text);
  return text !== null;
};
