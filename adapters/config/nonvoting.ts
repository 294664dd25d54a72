/**
 * The configuration of a non-voting directory authority: the file of Go's program of that kind (wire-facts §11.2).
 *
 * In Go it is another program with the same default file, whose file has neither `[Authority] Identifier` nor
 * `[[Authorities]]`: that is how the two are told apart here. A voting authority without peers has an Identifier.
 *
 * @module
 */
import type { NonvotingConfig } from "../../core/pki/nonvoting_state.ts";
import { configurationError } from "../exit.ts";
import type { NodeKeys } from "../keys.ts";
import { authorityConfigOf, type AuthorityFile } from "./authority.ts";

/** Whether a file is that of a non-voting authority. */
export const isNonvoting = ({ Authority, Authorities }: AuthorityFile): boolean =>
  Authority.Identifier === "" && Authorities.length === 0;

/** What the authority is started with. Throws a CommandError where the listed nodes can never make a document. */
export const nonvotingConfigOf = (file: AuthorityFile, keys: NodeKeys): NonvotingConfig => {
  const config = authorityConfigOf(file, keys);
  const { providers, mixes, layers, minNodesPerLayer } = config;
  if (providers.length === 0) throw configurationError("[[Providers]] is missing: a network needs a Provider");
  const least = layers * minNodesPerLayer;
  if (mixes.length < least) {
    const counts = `${mixes.length} [[Mixes]] are listed; ${layers} layers of ${minNodesPerLayer} need ${least}`;
    throw configurationError(`${counts} (see [Debug] Layers and MinNodesPerLayer)`);
  }
  return config;
};
