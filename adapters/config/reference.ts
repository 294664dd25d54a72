/**
 * The reference of a kind of configuration file, written from its codec: every table and key, what is expected, and
 * whether it has to be there.
 *
 * @module
 */
import { type Key, type Keys, ListCodec, TableCodec } from "./codec.ts";

/** The table that a key stands for, if it does: itself, or the entries of a list. */
const innerTable = ({ codec }: Key<unknown>): { readonly table: TableCodec<Keys>; readonly isList: boolean } | null => {
  if (codec instanceof TableCodec) return { table: codec as TableCodec<Keys>, isList: false };
  return codec instanceof ListCodec && codec.item instanceof TableCodec
    ? { table: codec.item as TableCodec<Keys>, isList: true }
    : null;
};

const nameWidth = 39;

const keyLine = (name: string, { codec, absent, about }: Key<unknown>): string =>
  `  ${name.padEnd(nameWidth)} ${about}\n${" ".repeat(nameWidth + 3)}${codec.name}${
    absent === null ? "; required" : ""
  }`;

const tableLines = (path: string, about: string, { keys }: TableCodec<Keys>, header: string): string[] => {
  const entries = Object.entries(keys);
  const scalars = entries.filter(([, key]) => innerTable(key) === null).map(([name, key]) => keyLine(name, key));
  const own = header === "" ? [] : [["", `${header}  ${about}`, ...scalars].join("\n")];
  return [
    ...own,
    ...entries.flatMap(([name, key]) => {
      const inner = innerTable(key);
      if (inner === null) return [];
      const place = path === "" ? name : `${path}.${name}`;
      return tableLines(place, key.about, inner.table, inner.isList ? `[[${place}]]` : `[${place}]`);
    }),
  ];
};

/** Text for a terminal. */
export const referenceOf = (title: string, codec: unknown): string =>
  [title, ...tableLines("", "", codec as TableCodec<Keys>, "")].join("\n");
