/**
 * What the test network shows: a line a step, with the time since the start. Colours only on a terminal, and not with
 * NO_COLOR.
 *
 * @module
 */
export interface Screen {
  readonly title: (text: string) => void;
  /** One step, as it happens. */
  readonly step: (label: string, text: string) => void;
  /** Belongs to the step before. */
  readonly detail: (text: string) => void;
  readonly warn: (text: string) => void;
  readonly plain: (text: string) => void;
  /** Since the screen was made, in ms. */
  readonly elapsedMs: () => number;
  /** When a step of this label was first shown, or null. */
  readonly timeOf: (label: string) => number | null;
}

type Output = Pick<NodeJS.WriteStream, "write" | "isTTY">;

const labelWidth = 10;

export const createScreen = (
  output: Output,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Screen => {
  const started = performance.now();
  const isColoured = output.isTTY === true && (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb";
  const paint = (code: number, text: string): string => (isColoured ? `\u001b[${code}m${text}\u001b[0m` : text);
  const line = (text: string): void => void output.write(`${text}\n`);
  const elapsedMs = (): number => Math.round(performance.now() - started);
  const times = new Map<string, number>();
  const time = (): string => `${(elapsedMs() / 1000).toFixed(1).padStart(6)} s`;
  return {
    title: (text) => line(paint(1, text)),
    step: (label, text) => {
      if (!times.has(label)) times.set(label, elapsedMs());
      line(`${paint(2, time())}  ${paint(36, label.padEnd(labelWidth))} ${text}`);
    },
    detail: (text) => line(`${" ".repeat(labelWidth + 11)} ${paint(2, text)}`),
    warn: (text) => line(`${paint(2, time())}  ${paint(33, "warning".padEnd(labelWidth))} ${text}`),
    plain: line,
    elapsedMs,
    timeOf: (label) => times.get(label) ?? null,
  };
};
