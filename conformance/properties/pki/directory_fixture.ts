/**
 * A directory machine under test, driven by hand: the test plays its owner, its sessions and the authorities.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Effect } from "../../../core/effects.ts";
import { type Mono, mono, tick, wall } from "../../../core/machine.ts";
import {
  type AuthorityPeer,
  createDirectoryMachine,
  type DirectoryConfig,
  type DirectoryEvent,
  type DirectoryReport,
} from "../../../core/pki/directory.ts";
import type { DirectoryState } from "../../../core/pki/directory_jobs.ts";
import { epochStart } from "../../../core/pki/epoch.ts";
import { deriveSeed } from "../../../core/random.ts";
import type { Address } from "../../../core/system.ts";
import type { Command } from "../../../core/wire/commands.ts";
import type { SessionConfig, SessionReport, SessionRequest } from "../../../core/wire/session.ts";
import { deepFreeze } from "../client/fixture.ts";
import { authorityNames, clock, documentOf, firstEpoch, keysOf, signedDocument, suite } from "../client/network.ts";

export const authorities: ReadonlyArray<AuthorityPeer> = authorityNames.map((name) => ({
  identityKey: keysOf(name).identityKey,
  linkKey: keysOf(name).linkKey,
  addresses: [`${name}:1`],
}));

export const node = keysOf("a1");
export const epoch = firstEpoch;
export const document = documentOf(epoch);
export const raw = signedDocument(document);
export const descriptor = document.topology[0]![0]!.raw;

/** A connection that the machine opened. */
export interface Opened {
  readonly session: Address;
  readonly config: SessionConfig;
  readonly authority: string;
  readonly told: SessionRequest[];
}

export const createDriver = (more: Partial<DirectoryConfig> = {}, run = 0) => {
  const machine = createDirectoryMachine(suite);
  const reports: DirectoryReport["report"][] = [];
  const opened: Opened[] = [];
  const stopped: Address[] = [];
  const consumed: Uint8Array[] = [];
  const seed = new Uint8Array(32).fill(run);
  let [now, steps]: [number, number] = [0, 0];
  let state: DirectoryState | null = null;
  let wakeAt: Mono | null = null;
  const context = () => ({
    now: mono(now),
    wall: wall(epochStart(clock, epoch) + now),
    seed: deriveSeed(seed, `${steps++}`),
  });

  const observe = (effect: Effect): void => {
    if (effect.type === "Spawn") {
      const config = effect.config as SessionConfig;
      assert.equal(config.role.type, "initiator");
      const address = config.role.type === "initiator" ? config.role.addresses[0]! : "";
      opened.push({ session: effect.at, config, authority: address.split(":")[0]!, told: [] });
    }
    if (effect.type === "Stop") stopped.push(effect.at);
    if (effect.type !== "Tell") return;
    if (effect.to === "owner") reports.push((effect.event as DirectoryReport).report);
    else opened.find(({ session }) => session === effect.to)!.told.push(effect.event as SessionRequest);
  };
  const settle = (step: ReturnType<typeof machine.step>): void => {
    deepFreeze(step.state);
    ({ state, wakeAt } = step);
    consumed.push(...step.consumed ?? []);
    step.effects.forEach(observe);
  };

  const driver = {
    reports,
    opened,
    stopped,
    consumed,
    state: () => state!,
    tell: (event: DirectoryEvent): void => settle(machine.step(context(), state!, event)),
    advance: (ms: number): void => {
      const until = now + ms;
      while (wakeAt !== null && wakeAt <= until) {
        now = Math.max(now, wakeAt);
        settle(machine.step(context(), state!, tick));
      }
      now = until;
    },
    report: ({ session }: Opened, report: SessionReport["report"]): void =>
      driver.tell({ type: "Session", session, report }),
    /** The authority is who it should be, and the connection comes up. */
    up: (connection: Opened): void => {
      const { identityKey, linkKey } = keysOf(connection.authority);
      driver.report(connection, { type: "Authorize", additionalData: identityKey, key: linkKey, remote: "r" });
      driver.report(connection, { type: "Up", clockSkewMs: 0, handshakeHash: new Uint8Array(64) });
    },
    answer: (connection: Opened, command: Command): void => driver.report(connection, { type: "Command", command }),
    consensus: (connection: Opened, status: number, payload: Uint8Array = new Uint8Array(0)): void =>
      driver.answer(connection, { type: "Consensus", status, payload }),
    status: (connection: Opened, status: number): void =>
      driver.answer(connection, { type: "PostDescriptorStatus", status }),
    down: (
      connection: Opened,
      reason: Extract<SessionReport["report"], { type: "Down" }>["reason"] = "peer-closed",
    ): void => driver.report(connection, { type: "Down", reason }),
    last: (): Opened => opened.at(-1)!,
  };
  settle(machine.start(context(), {
    self: "directory",
    owner: "owner",
    authorities,
    credentials: { identityPrivate: node.identityPrivate },
    clock,
    ...more,
  }, undefined));
  return driver;
};

export type Driver = ReturnType<typeof createDriver>;
