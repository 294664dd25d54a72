/**
 * What is looked at before lmdb opens a file: lmdb maps the file into memory and trusts it, so that a damaged one could
 * end the process without a word. Layout of lmdb's first two pages, data format 2: each begins with a header of 24
 * bytes, a magic number and the format; the page with the higher transaction is in force.
 *
 * @module
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const magic = 0xbeefc0de;
const dataFormat = 2;
const magicAt = 24;
const formatAt = 28;
const pageSizeAt = 48;
const freeRootAt = 88;
const mainRootAt = 136;
const lastPageAt = 144;
const transactionAt = 152;
const metaLength = 160;
const smallestPage = 512;
const largestPage = 65_536;
/** The root of an empty tree. */
const noPage = 0xffff_ffff_ffff_ffffn;
/** The last pages are not always written: those that one transaction took and gave back. */
const unwrittenPagesMax = 1024n;

const isMeta = (page: DataView): boolean =>
  page.getUint32(magicAt, true) === magic && page.getUint32(formatAt, true) === dataFormat;

const read = (file: number, at: number): DataView | null => {
  const bytes = new Uint8Array(metaLength);
  return readSync(file, bytes, 0, metaLength, at) === metaLength ? new DataView(bytes.buffer) : null;
};

const check = (file: number): string | null => {
  const size = fstatSync(file).size;
  // Not begun: the process ended between making the file and writing it.
  if (size === 0) return null;
  const first = read(file, 0);
  if (first === null || !isMeta(first)) return "it is not a store of this program, or it is damaged";
  const pageSize = first.getUint32(pageSizeAt, true);
  if (pageSize < smallestPage || pageSize > largestPage) return "it is damaged";
  const second = read(file, pageSize);
  if (second === null || !isMeta(second)) return "it is damaged";
  const isFirst = first.getBigUint64(transactionAt, true) > second.getBigUint64(transactionAt, true);
  const inForce = isFirst ? first : second;
  const pages = BigInt(Math.floor(size / pageSize));
  const roots = [freeRootAt, mainRootAt].map((at) => inForce.getBigUint64(at, true)).filter((root) => root !== noPage);
  const isCut = roots.some((root) => root >= pages) ||
    inForce.getBigUint64(lastPageAt, true) >= pages + unwrittenPagesMax;
  return isCut ? "it is cut off" : null;
};

/** Why an existing file cannot be opened as an lmdb store, or null. Throws what the file system does. */
export const damageOf = (path: string): string | null => {
  const file = openSync(path, "r");
  try {
    return check(file);
  } finally {
    closeSync(file);
  }
};
