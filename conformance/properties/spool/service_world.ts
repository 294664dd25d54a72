/** A spool service with a disk that can be full, for the tests of the service. */
import { concat, uint32 } from "../../../core/bytes.ts";
import type { Suite } from "../../../core/crypto/suite.ts";
import { performVerify } from "../../../core/crypto/verify.ts";
import type { Effect, StoreFailure, Verify } from "../../../core/effects.ts";
import { mono, type Step, wall } from "../../../core/machine.ts";
import { createEpochClock } from "../../../core/pki/epoch.ts";
import { deriveSeed } from "../../../core/random.ts";
import { createGeometry } from "../../../core/sphinx/geometry.ts";
import { createSpoolService } from "../../../core/spool/service.ts";
import type { SpoolServiceState } from "../../../core/spool/service_state.ts";
import {
  defaultSpoolLimits,
  type ServiceRestored,
  spoolGeometry,
  type SpoolResponse,
  type SpoolServiceConfig,
} from "../../../core/spool/service_types.ts";
import { padded } from "../../../core/spool/service_wire.ts";
import { createStore, type Store, type StoreEffect } from "../../sim/store.ts";

export const epochMs = 10_000;
const packets = createGeometry(5, 2048);
export const geometry = spoolGeometry(packets);

export const createServiceWorld = (
  suite: Suite,
  limits: Partial<SpoolServiceConfig> = {},
  store: Store = createStore(),
) => {
  const machine = createSpoolService(suite, packets);
  const config = { clock: createEpochClock(epochMs, 0), ...defaultSpoolLimits, ...limits };
  const counts = new Map<string, number>();
  let [steps, ms, failure] = [0, 100 * epochMs, null as StoreFailure | null];
  let state: SpoolServiceState;
  let isHeld = false;
  const heldBack: StoreEffect[] = [];
  let checksHeld: Verify[] | null = null;
  const responses: SpoolResponse[] = [];

  const context = () => ({ now: mono(ms), wall: wall(ms), seed: deriveSeed(new Uint8Array(32), `${steps++}`) });
  const answerStore = (effect: StoreEffect): void =>
    settle(machine.step(
      context(),
      state,
      failure !== null && effect.type === "Commit"
        ? { type: "CommitFailed", id: effect.id, reason: failure }
        : store.perform(effect),
    ));
  const check = (effect: Verify): void => {
    if (checksHeld === null) settle(machine.step(context(), state, performVerify(suite, effect)));
    else checksHeld.push(effect);
  };
  /** A response's payload as the plugin sends it. */
  const note = (event: SpoolResponse | ServiceRestored): void => {
    if (event.type === "ServiceRestored") return;
    responses.push({ ...event, payload: padded(event.length, event.payload) });
  };
  const settle = (step: Step<SpoolServiceState, Effect>): void => {
    state = step.state;
    for (const effect of step.effects) {
      if (effect.type === "Notify") note(effect.event as SpoolResponse | ServiceRestored);
      if (effect.type === "Count") counts.set(`${effect.label}`, (counts.get(`${effect.label}`) ?? 0) + 1);
      if (effect.type === "Verify") check(effect);
      if (effect.type !== "Commit" && effect.type !== "Scan") continue;
      if (isHeld) heldBack.push(effect);
      else answerStore(effect);
    }
  };
  settle(machine.start(context(), config, undefined));

  const askPayload = (payload: Uint8Array): SpoolResponse | null => {
    settle(machine.step(context(), state, { type: "SpoolRequest", id: steps, payload }));
    return isHeld || checksHeld !== null ? null : responses.pop() ?? null;
  };

  return {
    store,
    counts,
    responses,
    state: () => state,
    commitsHeld: () => heldBack.filter(({ type }) => type === "Commit").length,
    epoch: () => Math.floor(ms / epochMs),
    fail: (reason: StoreFailure | null) => failure = reason,
    hold: () => isHeld = true,
    release: () => {
      isHeld = false;
      for (const effect of heldBack.splice(0)) answerStore(effect);
    },
    holdChecks: () => void (checksHeld = []),
    /** The last first: threads keep no order. */
    releaseChecks: () => {
      const checks = checksHeld ?? [];
      checksHeld = null;
      checks.toReversed().forEach(check);
    },
    pass: (duration: number) => {
      for (const end = ms + duration; ms < end;) {
        ms = Math.min(end, ms + 1000);
        settle(machine.step(context(), state, { type: "Tick" }));
      }
    },
    askPayload,
    ask: (request: Uint8Array): SpoolResponse | null => {
      const payload = new Uint8Array(geometry.userPayloadLength);
      payload.set(concat(uint32(request.length), request));
      return askPayload(payload);
    },
  };
};

export type ServiceWorld = ReturnType<typeof createServiceWorld>;
