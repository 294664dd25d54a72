/**
 * A client on the command line: pings services, sends messages to users and fetches them.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import { toHex, utf8 } from "../core/bytes.ts";
import { trimZeros } from "../core/provider/user_name.ts";
import { keyFromText } from "../core/pki/text_key.ts";
import {
  type Account,
  asUnavailable,
  findRecipient,
  openAccount,
  optionsOf,
  ownKeyWarning,
  register,
} from "../adapters/account.ts";
import { connect, type MixClient, type ReceivedMessage, type RoundTrip } from "../adapters/client_api.ts";
import { runCommand, type Values } from "../adapters/command.ts";
import { type ClientFile, clientFile } from "../adapters/config/client.ts";
import { clockOf } from "../adapters/config/common.ts";
import { loadConfig, validateConfig } from "../adapters/config/load.ts";
import { suiteOf } from "../adapters/daemon.ts";
import { exitCode, unavailableError, usageError } from "../adapters/exit.ts";
import { openLogger } from "../adapters/log.ts";
import { roundTripLines } from "../adapters/show.ts";
import { spoolCommand, spoolUsage } from "../adapters/spool_command.ts";

const usage = `usage: client -f FILE COMMAND

A client of a mix network.

  register                    make the account at its Provider
  ping [SERVICE[@PROVIDER]]   ask a service, and show the way there and back (default: loop at any Provider)
  ask SERVICE[@PROVIDER] TEXT send a plugin's service a text, framed with its length, and print the reply;
                              - reads it from standard input
  send USER@PROVIDER TEXT     send a user a message, straight into the mailbox (an interim that later versions
                              replace by remote spools); - reads it from standard input
  fetch                       show messages that come, for --wait seconds; warns where others do not find the own key
                              (the other commands show them, too, at their end: to connect fetches them)
  status                      show what the client knows of network and connection
${spoolUsage}

  -f, --file FILE      configuration
      --key KEY        send: the user's key, instead of asking the Provider's keyserver
      --at PROVIDER    spool: whose replica is used (default: the first; all for roles, removals and purges)
      --wait SECONDS   fetch: how long (default 10)
      --timeout SECONDS  give up after this time (default 120)
      --validate       check the configuration, print all that is wrong with it, and end
  -h, --help           this text
      --version        of samtpfote`;

const options = {
  file: { type: "string", short: "f" },
  key: { type: "string" },
  at: { type: "string" },
  wait: { type: "string", default: "10" },
  timeout: { type: "string", default: "120" },
  validate: { type: "boolean" },
} as const;

type Given = Values<typeof options>;

interface Session {
  readonly client: MixClient;
  readonly account: Account;
  readonly signal: AbortSignal;
  readonly file: ClientFile;
}

/** What a command does once there is a client. What is wrong with its words is said before. */
type Action = (session: Session) => Promise<void>;

type Command = (words: ReadonlyArray<string>, values: Given) => Action;

const seconds = (flag: string, value: string): number => {
  const number = Number(value);
  if (!(number > 0 && number <= 86_400)) throw usageError(`--${flag} expects seconds, got "${value}"`);
  return number * 1000;
};

/** `name@provider`, or null. */
const splitAddress = (address: string): { readonly name: string; readonly provider: string } | null => {
  const at = address.lastIndexOf("@");
  return at < 1 || at === address.length - 1
    ? null
    : { name: address.slice(0, at), provider: address.slice(at + 1).toLowerCase() };
};

const readInput = async (): Promise<string> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString("utf8");
};

const printTrip = (title: string, trip: RoundTrip): void => console.log([title, ...roundTripLines(trip)].join("\n"));

const ping: Command = ([service = "loop"]) => async ({ client, signal }) => {
  const target = splitAddress(service) ?? { name: service, provider: null };
  const trip = await client.ping(target.name, target.provider, { signal });
  printTrip(`${target.name} at ${trip.path.at(-1)} answered after ${Math.round(trip.rttMs)} ms`, trip);
};

const newline = 10;

/**
 * The reply as it is, to where it can be piped: services do not say how long it is, so zeros at its end are cut off.
 */
const ask: Command = ([service, ...words]) => {
  if (service === undefined || words.length === 0) throw usageError("ask expects SERVICE[@PROVIDER] and a text");
  const target = splitAddress(service) ?? { name: service, provider: null };
  return async ({ client, signal }) => {
    const text = words.join(" ") === "-" ? await readInput() : words.join(" ");
    const to = { type: "Service", capability: target.name, provider: target.provider } as const;
    const { payload } = await client.query(to, utf8(text), { signal, lengthPrefix: true });
    process.stdout.write(Buffer.from([...trimZeros(payload), newline]));
  };
};

const givenKey = (text: string): Uint8Array => {
  const key = keyFromText(text);
  if (key === null) throw usageError("--key expects a key of 32 bytes in base64 or hex");
  return key;
};

const send: Command = ([address, ...words], values) => {
  const target = splitAddress(address ?? "");
  if (target === null || words.length === 0) throw usageError("send expects USER@PROVIDER and a text");
  const { name: user, provider } = target;
  const key = values.key === undefined ? null : givenKey(values.key);
  return async ({ client, signal }) => {
    const recipient = key === null ? await findRecipient(client, user, provider, signal) : { user, provider, key };
    if (recipient === null) throw unavailableError(`the keyserver of ${provider} has no key of ${user}`);
    const text = words.join(" ") === "-" ? await readInput() : words.join(" ");
    const { rttMs, packets } = await client.send(recipient, text, { signal });
    const count = packets.length === 1 ? "1 packet" : `${packets.length} packets`;
    console.log(`delivered to the mailbox of ${address} after ${Math.round(rttMs)} ms (${count})`);
    const [first] = packets;
    if (first !== undefined) console.log(roundTripLines(first).join("\n"));
  };
};

/** Each time that messages are fetched (drafts/keyserver.rst §4): a Provider that lies does so for long. */
const checkOwnKey = async ({ client, account }: Session): Promise<void> => {
  const warning = await ownKeyWarning(client, account);
  if (warning !== null) console.error(`warning: ${warning}`);
};

const messageLine = ({ from, text, payload }: ReceivedMessage): string =>
  `from ${toHex(from)}: ${text ?? `${payload.length} bytes`}`;

/** What came while something else was done: its Provider has deleted it, so that nobody else will ever show it. */
const showUnread = async (client: MixClient): Promise<void> => {
  for await (const message of client.messages()) console.error(`a message came meanwhile, ${messageLine(message)}`);
};

const fetchMessages: Command = (_words, values) => {
  const waitMs = seconds("wait", values.wait);
  return async (session) => {
    const { client } = session;
    let count = 0;
    const reading = (async () => {
      for await (const message of client.messages()) {
        count++;
        console.log(messageLine(message));
      }
    })();
    const checking = checkOwnKey(session);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    await client.close();
    await Promise.all([reading, checking]);
    console.error(count === 1 ? "1 message" : `${count} messages`);
  };
};

const status: Command = () => async ({ client, account }) => {
  const document = client.document()!;
  const { connected, queuedPackets, outstandingSurbs } = await client.status();
  console.log(`account    ${account.user}@${account.provider}, key ${toHex(account.keys.identityKey)}`);
  console.log(`connected  ${connected ? "yes" : "no"}`);
  console.log(`epoch      ${document.epoch} (genesis ${document.genesisEpoch})`);
  document.topology.forEach((layer, index) =>
    console.log(`layer ${index}    ${layer.map(({ name }) => name).join(" ")}`)
  );
  for (const { name, kaetzchen } of document.providers) {
    console.log(`Provider   ${name}: ${[...(kaetzchen?.keys() ?? [])].join(" ")}`);
  }
  console.log(`queued     ${queuedPackets} packets, ${outstandingSurbs} replies outstanding`);
};

const spool: Command = (words, values) => {
  const act = spoolCommand(words);
  const at = values.at?.toLowerCase() ?? null;
  return ({ client, file, signal }) => {
    const { Crypto } = file.Samtpfote;
    return act({ client, suite: suiteOf(Crypto), clock: clockOf(file.Samtpfote), at, signal, print: console.log });
  };
};

const commands: Readonly<Record<string, Command>> = {
  ping,
  ask,
  send,
  fetch: fetchMessages,
  status,
  spool,
};

await runCommand({
  name: "client",
  usage,
  options,
  run: async (values, [command, ...words]) => {
    if (values.file === undefined) throw usageError("-f FILE is missing");
    if (values.validate === true) return validateConfig(clientFile, values.file, () => []);
    if (command === undefined) throw usageError("a command is missing");
    const known = command === "register" || Object.hasOwn(commands, command);
    if (!known) throw usageError(`unknown command "${command}"`);
    const act = command === "register" ? null : commands[command]!(words, values);
    const timeoutMs = seconds("timeout", values.timeout);
    process.umask(0o077);
    const file = loadConfig(clientFile, values.file);
    const suite = suiteOf(file.Samtpfote.Crypto);
    const account = openAccount(file, values.file, suite);
    if (act === null) {
      await register(file, values.file, account);
      console.log(`registered ${account.user}@${account.provider}`);
      return exitCode.ok;
    }
    const { Level: level, Disable: disable, File } = file.Logging;
    const log = openLogger({
      format: file.Samtpfote.LogFormat,
      level,
      output: File === "" ? "stderr" : { file: File },
      disable,
    });
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      // Making a spool is many calls at once: Node warns above ten.
      setMaxListeners(0, signal);
      const client = await connect({ ...optionsOf(file, account), suite, log, signal });
      try {
        await act({ client, account, signal, file });
      } finally {
        await client.close();
        await showUnread(client);
      }
    } catch (error) {
      throw asUnavailable(error);
    }
    return exitCode.ok;
  },
});
