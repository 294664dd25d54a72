/**
 * Why an address cannot be listened at, in words.
 *
 * @module
 */
import { type CommandError, unavailableError } from "./exit.ts";
import { reasonOf } from "./tcp_dial.ts";

const words: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use",
  EADDRNOTAVAIL: "this machine has no such address",
  // Deno's word for the same.
  EINVAL: "this machine has no such address",
  EACCES: "not permitted",
  ENOTFOUND: "the name is unknown",
};

/** The error of exit code 69 for what a server says. */
export const listenFailure = (address: string, error: Error): CommandError =>
  unavailableError(`cannot listen on ${address}: ${words[reasonOf(error)] ?? reasonOf(error)}`);

/** The same for what is no address. */
export const notAnAddress = (address: string): CommandError =>
  unavailableError(`cannot listen on ${address}: it is not host:port`);
