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
import { managementPath } from "../adapters/config/operation.ts";
import { isServerKeyReloadable, nodeConfigOf, type ServerFile, serverFile } from "../adapters/config/server.ts";
import { serverWarnings } from "../adapters/config/server_checks.ts";
import { daemonOptions, runDaemon } from "../adapters/daemon.ts";
import { listenAddresses } from "../adapters/external_address.ts";
import { openStore } from "../adapters/open_store.ts";
import { measuredStore } from "../adapters/metrics_store.ts";
import { nodeViewKind } from "../adapters/metrics_views.ts";
import { createOperation } from "../adapters/operation.ts";
import { createRegistration } from "../adapters/registration_http.ts";
import { type Shell, startShell } from "../adapters/shell.ts";
import { createUnwrapPool } from "../adapters/unwrap_pool.ts";
import { inlineUnwrapper, type Unwrapper } from "../adapters/unwrapper.ts";

const usage = `usage: mix [-f FILE] [-g | --validate]

Runs a mix or, with [Server] IsProvider = true, a Provider.

  -f, --file FILE   configuration (default: katzenpost.toml)
  -g, --generate    make the keys, print the public ones, and end
      --validate    check the configuration, print all that is wrong with it, and end
      --supervised  started by another program: print a line when loaded, wait for a line on standard input,
                    end when standard input is closed
  -h, --help        this text
      --version     of samtpfote`;

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
      warningsOf: serverWarnings,
      isReloadable: isServerKeyReloadable,
      launch: async ({ file, keys, suite, log, metrics, shutdown }) => {
        const addresses = listenAddresses(file.Server.Addresses, defaultPort);
        const config = nodeConfigOf(file, keys, addresses);
        let shell: Shell | null = null;
        const registration = createRegistration({
          tell: (request) => shell?.tell(nodeAddress, request) ?? false,
          limits: registrationLimitsOf(file.Samtpfote.Limits),
        });
        const operation = createOperation({
          role: config.isProvider ? "provider" : "mix",
          identifier: file.Server.Identifier,
          managementPath: managementPath(file.Management, file.Server.DataDir),
          metricsAddress: file.Samtpfote.MetricsAddress,
          tell: (event) => shell?.tell(nodeAddress, event) ?? false,
          kind: nodeViewKind,
          metrics,
          log,
          shutdown,
        });
        shell = await startShell({
          system: createMixSystem({ suite, geometry }),
          boot: bootMix(config),
          sphinx: { suite, geometry },
          unwrapper: unwrapperOf(file, { suite, geometry }),
          store: measuredStore(
            await openStore({
              kind: file.Samtpfote.Store,
              dataDir: file.Server.DataDir,
              memoryBytesMax: storeBytesMax,
              replayTagsMax: file.Samtpfote.ReplayTagsMax,
              ownThread: true,
            }),
            metrics,
          ),
          listeners: addresses.map((address) => ({ address, owner: nodeAddress })),
          limits: tcpLimitsOf(file.Samtpfote.Limits),
          onNotify: (event) => void (operation.onNotify(event) || registration.onRegistered(event as Registered)),
          log,
          metrics,
        });
        if (config.provider?.registration.enabled === true) {
          await registration.listen(file.Provider!.UserRegistrationHTTPAddresses);
        }
        await operation.listen();
        const fields = { identity: toHex(keys.identityKey), link: toHex(keys.linkKey), addresses: shell.listening };
        const role = config.isProvider ? "Provider" : "mix";
        const message = `${role} ${config.name} listens on ${shell.listening.join(", ")}`;
        log.write({ module: "process", level: "NOTICE", reason: "listening", message, fields });
        const { stop, tell } = shell;
        return {
          stop: async () => void await Promise.all([operation.stop(), registration.stop(), stop()]),
          reconfigure: (next) => {
            const { limits, sendDecoyTraffic } = nodeConfigOf(next, keys, addresses);
            tell(nodeAddress, { type: "Reconfigure", limits, sendDecoyTraffic });
          },
        };
      },
    }, values),
});
