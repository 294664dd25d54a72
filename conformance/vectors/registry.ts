/**
 * Every format of reference vectors that `cmd/conform.ts vectors` knows, one line each.
 *
 * @module
 */
import { aezFormat } from "./aez.ts";
import { cborPluginFormat } from "./cborplugin.ts";
import type { VectorFormat } from "./format.ts";
import { memspoolFormat } from "./memspool.ts";
import { miscFormat } from "./misc.ts";
import { newHopeSimpleFormat } from "./newhope_simple.ts";
import { noiseXFormat } from "./noise_x.ts";
import { noiseXxhfsFormat } from "./noise_xxhfs.ts";
import { pkiFormat } from "./pki.ts";
import { pkiLiveConsensusFormat } from "./pki_live_consensus.ts";
import { precisFormat } from "./precis.ts";
import { sphinxFormat } from "./sphinx.ts";
import { wireCommandsFormat } from "./wire_commands.ts";
import { wireSessionFormat } from "./wire_session.ts";
import { sphinxCryptoFormat } from "./sphinx_crypto.ts";

export const formats: ReadonlyArray<VectorFormat> = [
  aezFormat,
  cborPluginFormat,
  memspoolFormat,
  miscFormat,
  newHopeSimpleFormat,
  noiseXFormat,
  noiseXxhfsFormat,
  pkiFormat,
  pkiLiveConsensusFormat,
  precisFormat,
  sphinxFormat,
  wireCommandsFormat,
  wireSessionFormat,
  sphinxCryptoFormat,
];
