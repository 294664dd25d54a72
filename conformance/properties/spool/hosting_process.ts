/** The whole process of a spool plugin, whose store answers at once; what it tells its driver is gathered. */
import assert from "node:assert/strict";
import { createGeometry } from "../../../core/sphinx/geometry.ts";
import { toySuite as suite } from "../../sim/toy_suite.ts";
import { performVerify } from "../../../core/crypto/verify.ts";
import { mono, type Step, wall } from "../../../core/machine.ts";
import { createEpochClock } from "../../../core/pki/epoch.ts";
import { deriveSeed } from "../../../core/random.ts";
import { defaultHosting, spoolsAddress, type SpoolsAnswer } from "../../../core/spool/hosting_types.ts";
import { decodeHosted, encodeHost, framed, signHost, unframed } from "../../../core/spool/hosting_wire.ts";
import { decodeReply, encodeRequest, type Request } from "../../../core/spool/replica_wire.ts";
import { defaultSpoolLimits, spoolGeometry } from "../../../core/spool/service_types.ts";
import { padded } from "../../../core/spool/service_wire.ts";
import { bootSpools, createSpoolSystem } from "../../../core/spool/system.ts";
import type { Emission, Input, SystemState } from "../../../core/system.ts";
import { createStore, type Store } from "../../sim/store.ts";
import { privateKey, publicOf } from "./keys.ts";

export const packets = createGeometry(5, 4096);
export const geometry = spoolGeometry(packets);
export const periodMs = 10_000;
export const clock = createEpochClock(periodMs, 0);
export const rootKey = privateKey(suite, "root");
export const spool = publicOf(rootKey);

/** It starts in epoch 100, unless said otherwise, and stays there until it is moved. */
export const createProcess = (
  limits: Partial<typeof defaultHosting> = {},
  store: Store = createStore(),
  startEpoch = 100,
) => {
  const system = createSpoolSystem({ suite, geometry: packets });
  const notices: Array<Record<string, unknown>> = [];
  let [steps, failing, atMs] = [0, false, startEpoch * periodMs];
  let [state, wakeAt]: [SystemState, number | null] = [undefined as never, null];
  const context = () => ({
    now: mono(atMs),
    wall: wall(atMs),
    seed: deriveSeed(new Uint8Array(32), `${steps++}`),
  });
  const settle = (step: Step<SystemState, Emission>): void => {
    [state, wakeAt] = [step.state, step.wakeAt];
    for (const { from, effect } of step.effects) {
      if (effect.type === "Notify") notices.push(effect.event as Record<string, unknown>);
      if (effect.type === "Verify") tell({ to: from, event: performVerify(suite, effect) });
      if (effect.type === "Commit" && failing) {
        tell({ to: from, event: { type: "CommitFailed", id: effect.id, reason: "full" } });
      } else if (effect.type === "Commit" || effect.type === "Scan") tell({ to: from, event: store.perform(effect) });
    }
  };
  const tell = (input: Input): void => settle(system.step(context(), state, input));
  const config = { service: { ...defaultSpoolLimits, clock }, hosting: { ...defaultHosting, ...limits }, client: null };
  settle(system.start(context(), bootSpools(config)));
  const ask = (payload: Uint8Array): Uint8Array => {
    const id = steps;
    tell({ to: spoolsAddress, event: { type: "SpoolsRequest", id, payload } });
    const found = notices.filter((one) => one["type"] === "SpoolsAnswer" && one["id"] === id);
    assert.equal(found.length, 1, "one answer a request");
    const answer = found[0] as unknown as SpoolsAnswer;
    return padded(answer.length, answer.payload);
  };
  return {
    ask,
    tell,
    notices,
    store,
    fail: (is: boolean) => void (failing = is),
    send: (bytes: Uint8Array) => unframed(ask(padded(geometry.userPayloadLength, framed(bytes))))!,
    /** Lets the beginnings of epochs pass, each as its machines planned. */
    moveTo: (epoch: number): void => {
      for (const end = epoch * periodMs; atMs < end;) {
        atMs = Math.min(end, Math.max(atMs + 1, wakeAt ?? end));
        settle(system.step(context(), state, null));
      }
    },
    machines: (): ReadonlyArray<string> => [...state.machines.keys()],
  };
};

export type Process = ReturnType<typeof createProcess>;
export const host = (one: Process, key = rootKey, epoch = 100) =>
  decodeHosted(one.send(encodeHost(signHost(suite, key, epoch))))!;
export const request = (one: Process, what: Request) => decodeReply(one.send(encodeRequest(what)));
