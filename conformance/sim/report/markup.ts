/**
 * Text that becomes HTML or SVG: elements with their attributes, everything escaped.
 *
 * @module
 */

/** A piece of markup, made by `element` or `text` alone. */
export interface Markup {
  readonly html: string;
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escape = (value: string): string => value.replace(/[&<>"']/g, (character) => escapes[character]!);

export const text = (value: string | number): Markup => ({ html: escape(String(value)) });

export type Child = Markup | string | number | ReadonlyArray<Child>;

const render = (child: Child): string => {
  if (typeof child === "string" || typeof child === "number") return text(child).html;
  return "html" in child ? child.html : child.map(render).join("");
};

/** An element. Strings among its attributes and children are escaped. */
export const element = (
  name: string,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: ReadonlyArray<Child>
): Markup => {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escape(String(value))}"`).join("");
  return { html: `<${name}${written}>${render(children)}</${name}>` };
};
