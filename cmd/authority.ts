/**
 * Runs a directory authority from the Go authority's configuration file: a voting one, or a non-voting one where the
 * file names neither an Identifier nor other authorities, as that of Go's other program.
 *
 * @module
 */
import { toHex } from "../core/bytes.ts";
import { authorityAddress, bootAuthority, createAuthoritySystem } from "../core/pki/authority_system.ts";
import { bootNonvoting, createNonvotingSystem } from "../core/pki/nonvoting_system.ts";
import type { Lists } from "../core/pki/authority_lists.ts";
import { katzenpostGeometry as geometry } from "../core/sphinx/geometry.ts";
import { runCommand } from "../adapters/command.ts";
import {
  authorityConfigOf,
  type AuthorityFile,
  authorityFile,
  isAuthorityKeyReloadable,
} from "../adapters/config/authority.ts";
import { isNonvoting, nonvotingConfigOf } from "../adapters/config/nonvoting.ts";
import { tcpLimitsOf } from "../adapters/config/limits.ts";
import { managementPath } from "../adapters/config/operation.ts";
import { daemonOptions, runDaemon } from "../adapters/daemon.ts";
import { listenAddresses } from "../adapters/external_address.ts";
import { measuredStore } from "../adapters/metrics_store.ts";
import { authorityViewKind, nonvotingViewKind, type ViewKind } from "../adapters/metrics_views.ts";
import { openStore } from "../adapters/open_store.ts";
import { createOperation, type Operation } from "../adapters/operation.ts";
import { type Shell, startShell } from "../adapters/shell.ts";

const usage = `usage: authority [-f FILE] [-g | --validate]

Runs a directory authority: a voting one; or a non-voting one, which signs alone, where the file has neither
[Authority] Identifier nor [[Authorities]].

  -f, --file FILE   configuration (default: katzenpost-authority.toml)
  -g, --generate    make the keys, print the public ones, and end
      --validate    check the configuration, print all that is wrong with it, and end
      --supervised  started by another program: print a line when loaded, wait for a line on standard input,
                    end when standard input is closed
  -h, --help        this text
      --version     of samtpfote`;

const defaultPort = 62_472;
/** Documents, descriptors and votes of a few epochs, where they are kept in memory. */
const storeBytesMax = 256 * 1024 * 1024;

await runCommand({
  name: "authority",
  usage,
  options: daemonOptions,
  run: (values) =>
    runDaemon({
      kind: authorityFile,
      defaultFile: "katzenpost-authority.toml",
      dataDirOf: ({ Authority }) => Authority.DataDir,
      warningsOf: () => [],
      isReloadable: isAuthorityKeyReloadable,
      launch: async ({ file, keys, suite, log, metrics, shutdown }) => {
        const listsOf = (next: AuthorityFile): Lists =>
          isNonvoting(file) ? nonvotingConfigOf(next, keys) : authorityConfigOf(next, keys);
        const [system, boot] = isNonvoting(file)
          ? [createNonvotingSystem({ suite, geometry }), bootNonvoting(nonvotingConfigOf(file, keys))]
          : [createAuthoritySystem({ suite, geometry }), bootAuthority(authorityConfigOf(file, keys))];
        let shell: Shell | null = null;
        const operationOf = <View>(identifier: string, kind: ViewKind<View>): Operation =>
          createOperation({
            role: "authority",
            identifier,
            managementPath: managementPath(file.Samtpfote.Management, file.Authority.DataDir),
            metricsAddress: file.Samtpfote.MetricsAddress,
            tell: (event) => shell?.tell(authorityAddress, event) ?? false,
            kind,
            metrics,
            log,
            shutdown,
          });
        const operation = isNonvoting(file)
          ? operationOf("nonvoting", nonvotingViewKind)
          : operationOf(file.Authority.Identifier, authorityViewKind);
        shell = await startShell({
          system,
          boot,
          sphinx: { suite, geometry },
          store: measuredStore(
            await openStore({
              kind: file.Samtpfote.Store,
              dataDir: file.Authority.DataDir,
              memoryBytesMax: storeBytesMax,
              ownThread: false,
            }),
            metrics,
          ),
          listeners: listenAddresses(file.Authority.Addresses, defaultPort).map((address) => ({
            address,
            owner: authorityAddress,
          })),
          limits: tcpLimitsOf(file.Samtpfote.Limits),
          onNotify: (event) => void operation.onNotify(event),
          log,
          metrics,
        });
        await operation.listen();
        const fields = { identity: toHex(keys.identityKey), link: toHex(keys.linkKey), addresses: shell.listening };
        const name = isNonvoting(file) ? "non-voting authority" : `authority ${file.Authority.Identifier}`;
        const message = `${name} listens on ${shell.listening.join(", ")}`;
        log.write({ module: "process", level: "NOTICE", reason: "listening", message, fields });
        const { stop, tell } = shell;
        return {
          stop: async () => void await Promise.all([operation.stop(), stop()]),
          reconfigure: (next) => {
            const { mixes, providers } = listsOf(next);
            tell(authorityAddress, { type: "Relist", mixes, providers });
          },
        };
      },
    }, values),
});
