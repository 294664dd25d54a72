/**
 * cborplugin.json: what a Provider and a plugin say to one another, as the Go server and Go plugins encode it
 * (wire-facts §8.2). `fxamacker_*` are by the server's encoder, `plugin_*` by that of plugins.
 *
 * @module
 */
import { toHex } from "../../core/bytes.ts";
import { E, type Either } from "../../core/fp.ts";
import {
  decodePluginParameters,
  decodePluginRequest,
  decodePluginResponse,
  encodePluginParameters,
  encodePluginRequest,
  encodePluginResponse,
} from "../../core/provider/plugin_messages.ts";
import { compareBytes, compareValues, type Differences } from "./compare.ts";
import { count, type Decoded, flag, hex, object, text } from "./decode.ts";
import { defineFormat, singleCase } from "./format.ts";

const request = object({ HasSURB: flag, ID: count, Payload: hex(), cbor: hex() });
const response = object({ Payload: hex(), cbor: hex() });

const file = object({
  note: text,
  fxamacker_parameters_sorted: hex(),
  fxamacker_response: response,
  plugin_parameters_empty: hex(),
  plugin_parameters_two: hex(),
  plugin_response: response,
  server_request_1: request,
  server_request_2: request,
});

const checkRequest = ({ HasSURB: hasSurb, ID: id, Payload: payload, cbor }: Decoded<typeof request>): Differences => {
  const decoded = decodePluginRequest(cbor);
  return [
    ...compareBytes("cbor", encodePluginRequest({ id, payload, hasSurb }), cbor),
    ...(E.isLeft(decoded) ? ["decoding refused"] : [
      ...compareValues("ID", decoded.right.id, id),
      ...compareValues("HasSURB", decoded.right.hasSurb, hasSurb),
      ...compareBytes("Payload", decoded.right.payload, payload),
    ]),
  ];
};

const bytesOf = (decoded: Either<unknown, Uint8Array>): Uint8Array | null => E.isLeft(decoded) ? null : decoded.right;

const checkResponse = ({ Payload, cbor }: Decoded<typeof response>): Differences => [
  ...compareBytes("cbor", encodePluginResponse(Payload), cbor),
  ...compareBytes("Payload", bytesOf(decodePluginResponse(cbor)), Payload),
];

const checkParameters = (cbor: Uint8Array, expected: ReadonlyMap<string, string>): Differences => {
  const decoded = decodePluginParameters(cbor);
  if (E.isLeft(decoded)) return ["decoding refused"];
  const text = (parameters: ReadonlyMap<string, string>): string => JSON.stringify([...parameters]);
  return [
    ...compareValues("parameters", text(decoded.right), text(expected)),
    // Go writes an empty map as null; ours is a map of no entries, which Go reads as well.
    ...(expected.size === 0 ? [] : compareValues("cbor", toHex(encodePluginParameters(expected)), toHex(cbor))),
  ];
};

export const cborPluginFormat = defineFormat("cborplugin", file, (f) => [
  singleCase("server_request_1", () => checkRequest(f.server_request_1)),
  singleCase("server_request_2", () => checkRequest(f.server_request_2)),
  singleCase("plugin_response", () => checkResponse(f.plugin_response)),
  singleCase("fxamacker_response", () => checkResponse(f.fxamacker_response)),
  singleCase("plugin_parameters_empty", () => checkParameters(f.plugin_parameters_empty, new Map())),
  singleCase("plugin_parameters_two", () => checkParameters(f.plugin_parameters_two, new Map([["endpoint", "+echo"]]))),
  singleCase(
    "fxamacker_parameters_sorted",
    () => checkParameters(f.fxamacker_parameters_sorted, new Map([["endpoint", "+echo"], ["a", "b"]])),
  ),
]);
