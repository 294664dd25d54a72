/**
 * What a Provider and a plugin say to one another, as CBOR without a length prefix (wire-facts §8.2): POST
 * `/parameters` with an empty body is answered by a map from text to text, POST `/request` with a Request by a
 * Response. Bytes are those of the Go programs of 2020 (releases.md); fields are read in any order.
 *
 * @module
 */
import { concat } from "../bytes.ts";
import { cborBytesHead, encodeCbor } from "../codec/cbor.ts";
import { cborBytes, cborFlag, cborStruct, cborTexts, cborUnsigned } from "../codec/cbor_fields.ts";
import { type CborItem, readCborInPlace, writeCbor } from "../codec/cbor_reader.ts";
import { E, type Either } from "../fp.ts";

export const parametersPath = "/parameters";
export const requestPath = "/request";

export interface PluginRequestBody {
  /** Any number; plugins do nothing but log it. */
  readonly id: number | bigint;
  /** From our Providers always the geometry's `userPayloadLength`, 50642 bytes in the network. */
  readonly payload: Uint8Array;
  /** Whether an answer can be sent at all. */
  readonly hasSurb: boolean;
}

/* Payloads are parts of the bodies that they are read from, which are handed over. */

/** What a body that was received is not. */
export type PluginGarbage = "garbage";

const garbage: PluginGarbage = "garbage";

const decodeWith =
  <A>(codec: { readonly decode: (value: unknown) => Either<unknown, A> }) =>
  (body: Uint8Array): Either<PluginGarbage, A> => {
    const item = readCborInPlace(body);
    if (E.isLeft(item)) return E.left(garbage);
    const decoded = codec.decode(item.right);
    return E.isLeft(decoded) ? E.left(garbage) : decoded;
  };

const requestFields = decodeWith(cborStruct({ ID: cborUnsigned, Payload: cborBytes, HasSURB: cborFlag }));
const responseFields = decodeWith(cborStruct({ Payload: cborBytes }));

export const encodePluginRequest = ({ id, payload, hasSurb }: PluginRequestBody): Uint8Array =>
  writeCbor(new Map<string, CborItem>([["ID", id], ["Payload", payload], ["HasSURB", hasSurb]]));

export const decodePluginRequest = (body: Uint8Array): Either<PluginGarbage, PluginRequestBody> =>
  E.map(({ ID: id, Payload: payload, HasSURB: hasSurb }: {
    readonly ID: number | bigint;
    readonly Payload: Uint8Array;
    readonly HasSURB: boolean;
  }) => ({ id, payload, hasSurb }))(requestFields(body));

const emptyResponse = encodeCbor(new Map([["Payload", new Uint8Array(0)]]));

/** What stands before the payload of a response, which ends it. */
export const pluginResponseHead = (payloadLength: number): Uint8Array =>
  concat(emptyResponse.subarray(0, -cborBytesHead(0).length), cborBytesHead(payloadLength));

/** An empty payload means that there is no reply. */
export const encodePluginResponse = (payload: Uint8Array): Uint8Array =>
  concat(pluginResponseHead(payload.length), payload);

export const decodePluginResponse = (body: Uint8Array): Either<PluginGarbage, Uint8Array> =>
  E.map(({ Payload }: { readonly Payload: Uint8Array }) => Payload)(responseFields(body));

export const encodePluginParameters = (parameters: ReadonlyMap<string, string>): Uint8Array => writeCbor(parameters);

export const decodePluginParameters: (body: Uint8Array) => Either<PluginGarbage, ReadonlyMap<string, string>> =
  decodeWith(cborTexts);

/** What surrounds the payload of a response, in bytes: a few; other fields that a plugin adds have room, too. */
const envelopeLengthMax = 1024;

/** The longest body of a response whose payload may be as long as this. */
export const responseLengthMax = (payloadLengthMax: number): number => payloadLengthMax + envelopeLengthMax;
