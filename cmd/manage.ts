/**
 * Speaks to a running daemon's management socket (wire-facts §10): one verb, and the reply; for an authority's STATUS a
 * table of who voted, revealed and signed.
 *
 * @module
 */
import { createConnection } from "node:net";
import type { AuthorityView } from "../core/pki/authority_view.ts";
import { runCommand } from "../adapters/command.ts";
import { socketPathOf } from "../adapters/config/socket_path.ts";
import { exitCode, unavailableError, usageError } from "../adapters/exit.ts";

const usage = `usage: manage [--json] (-f FILE | SOCKET) VERB [ARGUMENT...]

Sends a verb to the management socket of a mix, a Provider or an authority, and prints the reply.

  STATUS                          how it stands; --json prints it as it came
  SHUTDOWN                        end the process
  ADD_USER USER LINK_KEY          of a Provider; likewise UPDATE_USER
  REMOVE_USER USER                with the mailbox
  SET_USER_IDENTITY USER KEY      likewise REMOVE_USER_IDENTITY, USER_IDENTITY, USER_LINK: USER
  SEND_RATE N, SEND_BURST N       packets a minute and at once of each client, 0 for no limit

  -f, --file FILE   the daemon's configuration, which says where its socket is
      --json        STATUS as JSON
  -h, --help        this text
      --version     of samtpfote`;

const deadlineMs = 35_000;

/** The reply to one line: its code and text. */
const ask = (path: string, line: string): Promise<readonly [number, string]> =>
  new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    let text = "";
    socket.setTimeout(deadlineMs, () => socket.destroy(unavailableError(`${path} does not answer`)));
    socket.on("connect", () => socket.write(`${line}\nQUIT\n`));
    socket.setEncoding("utf8").on("data", (part: string) => (text += part));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === undefined ? error : unavailableError(`cannot speak to ${path}: ${error.code}`)));
    socket.on("close", () => {
      const [greeting, reply] = text.split("\r\n");
      const found = /^(\d{3}) (.*)$/.exec(reply ?? "");
      if (greeting?.startsWith("220 ") !== true || found === null) {
        return reject(unavailableError(`${path} is no management socket, or ended without a reply`));
      }
      resolve([Number(found[1]), found[2]!]);
    });
  });

const mark = (done: boolean): string => (done ? "yes" : "-").padEnd(9);

const authorityTable = ({ round, authorities }: AuthorityView): string =>
  [
    `epoch voted on ${round.votingEpoch}, phase ${round.phase}, ends in ${Math.ceil(round.phaseEndsInMs / 1000)} s`,
    `${"authority".padEnd(24)}voted    revealed signed   clock offset`,
    ...authorities.map(({ name, isSelf, voted, revealed, signed, clockOffsetMs }) => {
      const offset = isSelf ? "ourselves" : clockOffsetMs === null ? "unknown" : `${clockOffsetMs} ms`;
      return `${name.slice(0, 23).padEnd(24)}${mark(voted)}${mark(revealed)}${mark(signed)}${offset}`;
    }),
  ].join("\n");

const isAuthority = (view: unknown): view is AuthorityView =>
  typeof view === "object" && view !== null && "round" in view && "authorities" in view;

const shown = (text: string, asJson: boolean): string => {
  if (asJson || !text.startsWith("{")) return text;
  const view: unknown = JSON.parse(text);
  return isAuthority(view) ? authorityTable(view) : JSON.stringify(view, null, 2);
};

await runCommand({
  name: "manage",
  usage,
  options: {
    file: { type: "string", short: "f" },
    json: { type: "boolean" },
  },
  run: async ({ file, json }, given) => {
    const [path, ...words] = file === undefined ? given : [socketPathOf(file), ...given];
    if (path === undefined || words.length === 0) {
      throw usageError(file === undefined ? "SOCKET or VERB is missing" : "VERB is missing");
    }
    if (words.some((word) => /[\r\n]/.test(word))) throw usageError("a line break in an argument");
    const [code, text] = await ask(path, words.join(" "));
    console.log(code === 250 ? shown(text, json === true) : `${code} ${text}`);
    return code === 250 ? exitCode.ok : exitCode.failure;
  },
});
