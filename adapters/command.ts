/**
 * What the commands have in common: arguments, help, exit codes, and errors as one line without a stack trace.
 *
 * @module
 */
import { basename } from "node:path";
import { parseArgs, type ParseArgsConfig } from "node:util";
import { isBuilt } from "./built.ts";
import { CommandError, exitCode, unavailableError, usageError } from "./exit.ts";
import { answersHelp } from "./help.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;
export type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: true; strict: true }>
>["values"];

export interface Command<O extends Options> {
  readonly name: string;
  /** What --help prints. */
  readonly usage: string;
  readonly options: O;
  /** Ends with an exit code, or null where the process goes on by itself. */
  readonly run: (values: Values<O>, positionals: ReadonlyArray<string>) => Promise<number | null>;
}

const parse = <O extends Options>({ options }: Command<O>, args: ReadonlyArray<string>) => {
  try {
    return parseArgs({ options, args: [...args], allowPositionals: true, strict: true });
  } catch (error) {
    throw usageError((error as Error).message.split(". ")[0]!);
  }
};

/** Deno's refusal of a permission says which flag would help. */
const asPermissionError = (name: string, error: Error): CommandError | null => {
  if (error.name !== "NotCapable" && error.name !== "PermissionDenied") return null;
  return unavailableError(`${error.message.split("\n")[0]} (deno run -P=${name} cmd/${name}.ts grants what is needed)`);
};

const fail = (name: string, usage: string, error: unknown): number => {
  const known = error instanceof CommandError ? error : error instanceof Error ? asPermissionError(name, error) : null;
  if (known === null) {
    console.error(`${name}: bug: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
    return exitCode.software;
  }
  for (const line of known.message.split("\n")) console.error(`${name}: ${line}`);
  if (known.code === exitCode.usage) console.error(usage.split("\n")[0]);
  return known.code;
};

/** Runs a command with the process's arguments and ends the process with its exit code. */
export const runCommand = async <O extends Options>(command: Command<O>): Promise<void> => {
  const { name, usage } = command;
  try {
    const args = process.argv.slice(2);
    if (answersHelp(args, usage)) return;
    const { values, positionals } = parse(command, args);
    const code = await command.run(values as Values<O>, positionals);
    if (code !== null) process.exit(code);
  } catch (error) {
    process.exit(fail(name, usage, error));
  }
};

/** How a command (`cmd/mix.ts`) is started again by hand: the runtime that this process has. */
export const commandLine = (script: string): string => {
  const name = basename(script, ".ts");
  if (isBuilt) return `npx samtpfote ${name}`;
  return "Deno" in globalThis ? `deno run -P=${name} ${script}` : `npx tsx ${script}`;
};
