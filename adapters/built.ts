/**
 * Which of two forms of the program runs: the sources, which need a loader on Node (tsx), or what `npm run build` made
 * of them in dist/, which is plain JavaScript and has other names.
 *
 * @module
 */

export const isBuilt: boolean = import.meta.url.endsWith(".js");
