/**
 * Runs a voting directory authority from the Go authority's configuration file.
 *
 * @module
 */
import { toHex } from "../core/bytes.ts";
import { authorityAddress, bootAuthority, createAuthoritySystem } from "../core/pki/authority_system.ts";
import { katzenpostGeometry as geometry } from "../core/sphinx/geometry.ts";
import { runCommand } from "../adapters/command.ts";
import { authorityConfigOf, authorityFile } from "../adapters/config/authority.ts";
import { daemonOptions, runDaemon } from "../adapters/daemon.ts";
import { listenAddresses } from "../adapters/external_address.ts";
import { startShell } from "../adapters/shell.ts";
import { createMemoryStore } from "../adapters/store_memory.ts";

const usage = `usage: authority [-f FILE] [-g]

Runs a voting directory authority.

  -f, --file FILE   configuration (default: katzenpost-authority.toml)
  -g, --generate    make the keys, print the public ones, and end
      --supervised  started by another program: print a line when loaded, wait for a line on standard input,
                    end when standard input is closed
  -h, --help        this text`;

const defaultPort = 62_472;
/** Documents of a few epochs. */
const storeBytesMax = 64 * 1024 * 1024;

await runCommand({
  name: "authority",
  usage,
  options: daemonOptions,
  run: (values) =>
    runDaemon({
      kind: authorityFile,
      defaultFile: "katzenpost-authority.toml",
      dataDirOf: ({ Authority }) => Authority.DataDir,
      launch: async ({ file, keys, suite, log, metrics }) => {
        const config = authorityConfigOf(file, keys);
        const shell = await startShell({
          system: createAuthoritySystem({ suite, geometry }),
          boot: bootAuthority(config),
          sphinx: { suite, geometry },
          store: createMemoryStore({ bytesMax: storeBytesMax }),
          listeners: listenAddresses(file.Authority.Addresses, defaultPort).map((address) => ({
            address,
            owner: authorityAddress,
          })),
          onNotify: () => {},
          log,
          metrics,
        });
        const fields = { identity: toHex(keys.identityKey), link: toHex(keys.linkKey), addresses: shell.listening };
        const message = `authority ${config.identifier} listens on ${shell.listening.join(", ")}`;
        log.write({ module: "process", level: "NOTICE", reason: "listening", message, fields });
        return shell;
      },
    }, values),
});
