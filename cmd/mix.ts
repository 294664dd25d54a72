/**
 * Runs a mix or, with IsProvider, a Provider from the Go server's configuration file.
 *
 * @module
 */
import { toHex } from "../core/bytes.ts";
import { bootMix, createMixSystem, nodeAddress } from "../core/mix/system.ts";
import type { Registered } from "../core/provider/registration.ts";
import type { Sphinx } from "../core/sphinx/build.ts";
import { katzenpostGeometry as geometry } from "../core/sphinx/geometry.ts";
import { runCommand } from "../adapters/command.ts";
import { registrationLimitsOf, tcpLimitsOf } from "../adapters/config/limits.ts";
import { nodeConfigOf, type ServerFile, serverFile } from "../adapters/config/server.ts";
import { serverWarnings } from "../adapters/config/server_checks.ts";
import { daemonOptions, runDaemon } from "../adapters/daemon.ts";
import { listenAddresses } from "../adapters/external_address.ts";
import { openStore } from "../adapters/open_store.ts";
import { createRegistration } from "../adapters/registration_http.ts";
import { type Shell, startShell } from "../adapters/shell.ts";
import { createUnwrapPool } from "../adapters/unwrap_pool.ts";
import { inlineUnwrapper, type Unwrapper } from "../adapters/unwrapper.ts";

const usage = `usage: mix [-f FILE] [-g]

Runs a mix or, with [Server] IsProvider = true, a Provider.

  -f, --file FILE   configuration (default: katzenpost.toml)
  -g, --generate    make the keys, print the public ones, and end
      --supervised  started by another program: print a line when loaded, wait for a line on standard input,
                    end when standard input is closed
  -h, --help        this text`;

const defaultPort = 3219;
/** Replay tags of three epochs, accounts and mailboxes, where they are kept in memory. */
const storeBytesMax = 2 * 1024 * 1024 * 1024;

const workersMax = 64;

const unwrapperOf = ({ Debug, Samtpfote }: ServerFile, sphinx: Sphinx): Unwrapper => {
  const workers = Math.min(Debug.NumSphinxWorkers, workersMax);
  if (workers <= 0) return inlineUnwrapper(sphinx);
  const onBug = (error: Error): never => {
    throw error;
  };
  return createUnwrapPool({ workers, crypto: Samtpfote.Crypto, geometry, onBug });
};

await runCommand({
  name: "mix",
  usage,
  options: daemonOptions,
  run: (values) =>
    runDaemon({
      kind: serverFile,
      defaultFile: "katzenpost.toml",
      dataDirOf: ({ Server }) => Server.DataDir,
      launch: async ({ file, keys, suite, log, metrics }) => {
        const addresses = listenAddresses(file.Server.Addresses, defaultPort);
        const config = nodeConfigOf(file, keys, addresses);
        let shell: Shell | null = null;
        const registration = createRegistration({
          tell: (request) => shell?.tell(nodeAddress, request) ?? false,
          limits: registrationLimitsOf(file.Samtpfote.Limits),
        });
        shell = await startShell({
          system: createMixSystem({ suite, geometry }),
          boot: bootMix(config),
          sphinx: { suite, geometry },
          unwrapper: unwrapperOf(file, { suite, geometry }),
          store: await openStore({
            kind: file.Samtpfote.Store,
            dataDir: file.Server.DataDir,
            memoryBytesMax: storeBytesMax,
            replayTagsMax: file.Samtpfote.ReplayTagsMax,
          }),
          listeners: addresses.map((address) => ({ address, owner: nodeAddress })),
          limits: tcpLimitsOf(file.Samtpfote.Limits),
          // A node notifies of registrations only.
          onNotify: (event) => registration.onRegistered(event as Registered),
          log,
          metrics,
        });
        if (config.provider?.registration.enabled === true) {
          await registration.listen(file.Provider!.UserRegistrationHTTPAddresses);
        }
        const fields = { identity: toHex(keys.identityKey), link: toHex(keys.linkKey), addresses: shell.listening };
        const role = config.isProvider ? "Provider" : "mix";
        const message = `${role} ${config.name} listens on ${shell.listening.join(", ")}`;
        log.write({ module: "process", level: "NOTICE", reason: "listening", message, fields });
        for (const warning of serverWarnings(file)) {
          log.write({ module: "process", level: "WARNING", reason: "configuration", message: warning });
        }
        const { stop } = shell;
        return {
          stop: async () => void await Promise.all([stop(), registration.stop()]),
        };
      },
    }, values),
});
