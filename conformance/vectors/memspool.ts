/**
 * memspool.json: the spool service's version 1 (wire-facts §8.4): each request written anew and read, and answered by
 * the
 * whole service, one after another, with the spool id that was recorded; and the descriptors of spools.
 *
 * @module
 */
import { concat, uint32 } from "../../core/bytes.ts";
import { performVerify } from "../../core/crypto/verify.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { mono, wall } from "../../core/machine.ts";
import { katzenpostClock } from "../../core/pki/epoch.ts";
import { katzenpostGeometry } from "../../core/sphinx/geometry.ts";
import {
  decodeMemspoolRequest,
  decodeMemspoolResponse,
  decodeReadDescriptor,
  decodeWriteDescriptor,
  encodeMemspoolRequest,
  encodeMemspoolResponse,
  encodeReadDescriptor,
  encodeWriteDescriptor,
  type MemspoolRequest,
  signMemspool,
} from "../../core/spool/memspool.ts";
import { createSpoolService } from "../../core/spool/service.ts";
import type { SpoolServiceState } from "../../core/spool/service_state.ts";
import {
  defaultSpoolLimits,
  queryOverhead,
  spoolGeometry,
  type SpoolResponse,
} from "../../core/spool/service_types.ts";
import { createStore } from "../sim/store.ts";
import { compareBytes, compareLong, compareValues, type Differences, type Long, long, pattern } from "./compare.ts";
import { count, type Decoded, hex, list, object, text } from "./decode.ts";
import { defineFormat, singleCase } from "./format.ts";

const vector = object({
  request: long,
  request_fields: object({
    Command: count,
    MessageID: count,
    MessageLen: count,
    PublicKey: hex(),
    Signature: hex(),
    SpoolID: hex(12),
  }),
  response: long,
  response_fields: object({ MessageID: count, MessageLen: count, PaddingLen: count, SpoolID: hex(12), Status: text }),
  server_reads: list(hex(12)),
  what: text,
});
type Vector = Decoded<typeof vector>;

const file = object({
  constants: object({ QueryOverhead: count, SpoolPayloadLength: count, UserForwardPayloadLength: count }),
  key_reads: list(hex(32)),
  note: text,
  read_descriptor_cbor: hex(),
  seed_note: text,
  spool_private_key: hex(64),
  spool_public_key: hex(32),
  vectors: list(vector),
  write_descriptor_cbor: hex(),
});
type File = Decoded<typeof file>;

const commands = ["create", "purge", "append", "retrieve"] as const;

/** The messages of the appends that the file gives in full or by their pattern. */
const messageOf = ({ request, request_fields: { MessageLen } }: Vector): Uint8Array => {
  const known = "hex" in request ? decodeMemspoolRequest(request.hex)?.message : undefined;
  return known ?? pattern(MessageLen, 6);
};

const requestOf = (one: Vector): MemspoolRequest => ({
  command: commands[one.request_fields.Command]!,
  message: messageOf(one),
  messageId: one.request_fields.MessageID,
  publicKey: one.request_fields.PublicKey,
  signature: one.request_fields.Signature,
  spool: one.request_fields.SpoolID,
});

/** The service with a store; spool ids are the recorded ones. */
const createServer = (suite: Suite) => {
  const machine = createSpoolService(suite, katzenpostGeometry);
  const store = createStore();
  const context = { now: mono(0), wall: wall(katzenpostClock.originMs), seed: new Uint8Array(32) };
  const responses: SpoolResponse[] = [];
  let state: SpoolServiceState;
  const settle = (step: ReturnType<typeof machine.step>): void => {
    state = step.state;
    for (const effect of step.effects) {
      if (effect.type === "Notify") responses.push(effect.event as SpoolResponse);
      if (effect.type === "Verify") settle(machine.step(context, state, performVerify(suite, effect)));
      if (effect.type === "Commit" || effect.type === "Scan") {
        settle(machine.step(context, state, store.perform(effect)));
      }
    }
  };
  settle(machine.start(context, { clock: katzenpostClock, ...defaultSpoolLimits }, undefined));
  return (request: Uint8Array): Uint8Array | null => {
    const payload = concat(uint32(request.length), request);
    const padded = new Uint8Array(katzenpostGeometry.userPayloadLength);
    padded.set(payload);
    settle(machine.step(context, state, { type: "SpoolRequest", id: responses.length, payload: padded }));
    return responses.pop()?.payload ?? null;
  };
};

/** Our spool ids are drawn from the step's seed: the recorded one stands for ours in what is compared. */
const withSpool = (response: Uint8Array | null, spool: Uint8Array): Uint8Array | null => {
  const decoded = response === null ? null : decodeMemspoolResponse(response);
  return decoded === null ? null : encodeMemspoolResponse({ ...decoded, spool });
};

const checkVector = (one: Vector, response: Uint8Array | null): Differences => {
  const { response_fields: fields, what } = one;
  const decoded = response === null ? null : decodeMemspoolResponse(response);
  return [
    ...compareLong(`${what}: request`, encodeMemspoolRequest(requestOf(one)), one.request as Long),
    ...compareLong(`${what}: response`, response, one.response as Long),
    ...compareValues(`${what}: Status`, decoded?.status, fields.Status),
    ...compareValues(`${what}: MessageID`, decoded?.messageId, fields.MessageID),
    ...compareValues(`${what}: MessageLen`, decoded?.message?.length ?? 0, fields.MessageLen),
    ...compareBytes(`${what}: SpoolID`, decoded?.spool ?? null, fields.SpoolID),
  ];
};

/** Asks the service for a spool id of ours, wherever the recorded one stands in a request. */
const conversation = (suite: Suite, { vectors }: File): Differences => {
  const ask = createServer(suite);
  const recorded = vectors.find(({ what }) => what === "create")!.response_fields.SpoolID;
  let ours = new Uint8Array(12);
  return vectors.flatMap((one) => {
    const request = requestOf(one);
    const isTheSpool = compareBytes("", request.spool, recorded).length === 0;
    const answer = ask(encodeMemspoolRequest({ ...request, spool: isTheSpool ? ours : request.spool }));
    const decoded = answer === null ? null : decodeMemspoolResponse(answer);
    if (one.what === "create" && decoded !== null) ours = decoded.spool.slice();
    return checkVector(one, withSpool(answer, isTheSpool || one.what === "create" ? recorded : request.spool));
  });
};

const checkKeys = (suite: Suite, one: File): Differences => [
  ...compareBytes("spool_public_key", suite.ed25519Public(one.key_reads[0]!), one.spool_public_key),
  ...compareBytes("private key", concat(one.key_reads[0]!, one.spool_public_key), one.spool_private_key),
  ...compareBytes("signature", signMemspool(suite, one.spool_private_key), one.vectors[0]!.request_fields.Signature),
];

const checkDescriptors = (one: File): Differences => {
  const [reader, writer] = [
    decodeReadDescriptor(one.read_descriptor_cbor),
    decodeWriteDescriptor(one.write_descriptor_cbor),
  ];
  return [
    ...compareBytes("read", reader === null ? null : encodeReadDescriptor(reader), one.read_descriptor_cbor),
    ...compareBytes("key", reader?.privateKey ?? null, one.spool_private_key),
    ...compareBytes("write", writer === null ? null : encodeWriteDescriptor(writer), one.write_descriptor_cbor),
  ];
};

const checkConstants = ({ constants }: File): Differences => [
  ...compareValues("QueryOverhead", queryOverhead, constants.QueryOverhead),
  ...compareValues(
    "SpoolPayloadLength",
    spoolGeometry(katzenpostGeometry).messageLengthMax,
    constants.SpoolPayloadLength,
  ),
  ...compareValues(
    "UserForwardPayloadLength",
    katzenpostGeometry.userPayloadLength,
    constants.UserForwardPayloadLength,
  ),
];

export const memspoolFormat = defineFormat("memspool", file, (f) => [
  singleCase("vectors", (suite) => conversation(suite, f)),
  singleCase("keys", (suite) => checkKeys(suite, f)),
  singleCase("descriptors", () => checkDescriptors(f)),
  singleCase("constants", () => checkConstants(f)),
]);
