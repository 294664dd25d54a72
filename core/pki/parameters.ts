/**
 * The Loopix parameters of a network: defaults and limits of an authority's configuration, and their fields in a
 * document (specs/pki.rst §4.2, wire-facts §7).
 *
 * @module
 */
import { jsonInteger, type JsonObject, type JsonValue } from "../codec/json.ts";
import { E, type Either } from "../fp.ts";

/** Rates per ms, clamps of samples in ms. */
export interface LoopixParameters {
  /** What a Provider takes from one client, per minute. */
  readonly sendRatePerMinute: number;
  /** Delay at each hop. */
  readonly mu: number;
  readonly muMaxDelayMs: number;
  /** A client's egress queue. */
  readonly lambdaP: number;
  readonly lambdaPMaxDelayMs: number;
  /** A client's loop decoys. */
  readonly lambdaL: number;
  readonly lambdaLMaxDelayMs: number;
  /** A client's drop decoys. */
  readonly lambdaD: number;
  readonly lambdaDMaxDelayMs: number;
  /** A mix's loop decoys. */
  readonly lambdaM: number;
  readonly lambdaMMaxDelayMs: number;
}

const defaultRate = 0.00025;
const defaultSendRatePerMinute = 100;
/** The longest clamp that may be configured: 6 h. */
export const maxDelayLimitMs = 21_600_000;
/** The 0.99999 quantile of the exponential distribution of rate 1. */
const clampQuantile = 11.512925464969229;

const rates = ["mu", "lambdaP", "lambdaL", "lambdaD", "lambdaM"] as const;
type Rate = typeof rates[number];
const clampOf = (rate: Rate): `${Rate}MaxDelayMs` => `${rate}MaxDelayMs`;

export type ParametersError =
  | `${keyof LoopixParameters}-invalid`
  | `${keyof LoopixParameters}-out-of-range`;

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** A network's parameters from what its operator configured: what is absent or 0 becomes the default. */
export const completeParameters = (
  configured: Partial<LoopixParameters>,
): Either<ParametersError, LoopixParameters> => {
  const complete: Record<string, number> = {
    sendRatePerMinute: configured.sendRatePerMinute || defaultSendRatePerMinute,
  };
  if (!isCount(complete["sendRatePerMinute"]!)) return E.left("sendRatePerMinute-invalid");
  for (const name of rates) {
    const rate = configured[name] || defaultRate;
    if (!(Number.isFinite(rate) && rate > 0)) return E.left(`${name}-invalid` as const);
    const clamp = configured[clampOf(name)] || Math.min(maxDelayLimitMs, Math.floor(clampQuantile / rate));
    if (!isCount(clamp)) return E.left(`${clampOf(name)}-invalid` as const);
    if (clamp > maxDelayLimitMs) return E.left(`${clampOf(name)}-out-of-range` as const);
    complete[name] = rate;
    complete[clampOf(name)] = clamp;
  }
  return E.right(complete as unknown as LoopixParameters);
};

/** The fields that a document has for them. */
export const parameterFields = (parameters: LoopixParameters): Readonly<Record<string, JsonValue>> => {
  const fields: Record<string, JsonValue> = { SendRatePerMinute: String(parameters.sendRatePerMinute) };
  for (const name of rates) {
    const field = fieldOf(name);
    fields[field] = parameters[name];
    fields[`${field}MaxDelay`] = String(parameters[clampOf(name)]);
  }
  return fields;
};

const fieldOf = (rate: Rate): string => rate[0]!.toUpperCase() + rate.slice(1);

/**
 * The parameters in a document: finite and not negative, as a negative zero would be, and a mean delay at each hop.
 * Null where they are not.
 */
export const parametersFromFields = (fields: JsonObject): LoopixParameters | null => {
  const sendRatePerMinute = jsonInteger(fields.get("SendRatePerMinute"));
  if (sendRatePerMinute === null) return null;
  const parameters: Record<string, number> = { sendRatePerMinute };
  for (const name of rates) {
    const rate = fields.get(fieldOf(name));
    const clamp = jsonInteger(fields.get(`${fieldOf(name)}MaxDelay`));
    if (typeof rate !== "number" || rate < 0 || Object.is(rate, -0) || clamp === null) return null;
    parameters[name] = rate;
    parameters[clampOf(name)] = clamp;
  }
  return parameters["mu"] === 0 ? null : parameters as unknown as LoopixParameters;
};
