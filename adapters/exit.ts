/**
 * Exit codes (sysexits) and the errors that end a command with one: what is wrong in one line, without a stack trace.
 *
 * @module
 */

export const exitCode = { ok: 0, failure: 1, usage: 64, unavailable: 69, software: 70, configuration: 78 } as const;

/** Ends the command with `code`; the message is the line that the user sees. */
export class CommandError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export const usageError = (message: string): CommandError => new CommandError(exitCode.usage, message);
export const configurationError = (message: string): CommandError => new CommandError(exitCode.configuration, message);
export const unavailableError = (message: string): CommandError => new CommandError(exitCode.unavailable, message);
