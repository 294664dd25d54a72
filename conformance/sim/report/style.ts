/**
 * How a report looks, in light and in dark. The eight colours of lines can be told apart by people who see red and
 * green alike (Okabe and Ito 2008).
 *
 * @module
 */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2024; --soft: #60646c; --grid: #e3e5e8; --panel: #f6f7f9; --good: #1a7f4b; --bad: #c62828;
  --c0: #0072b2; --c1: #e69f00; --c2: #d55e00; --c3: #009e73;
  --c4: #cc79a7; --c5: #56b4e9; --c6: #8c6d1f; --c7: #6b6f76;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --ink: #e8eaed; --soft: #a0a5ad; --grid: #2e3238; --panel: #1d2026; --good: #4cc38a;
    --bad: #ff8a80; --c0: #5b8def; --c5: #8fe3ff; --c6: #c9a94a; --c7: #9ba1a9;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 24px; max-width: 1100px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif;
}
h1 { margin: 0; font-size: 26px; }
h2 { margin: 32px 0 8px; font-size: 18px; }
p { margin: 4px 0; }
.verdict { font-weight: 600; }
.verdict.good { color: var(--good); }
.verdict.bad { color: var(--bad); }
.hash { color: var(--soft); font-family: ui-monospace, monospace; font-size: 13px; }
figure { margin: 0; padding: 12px; background: var(--panel); border-radius: 8px; }
figcaption { color: var(--soft); font-size: 13px; }
svg { display: block; width: 100%; height: auto; }
.grid { stroke: var(--grid); stroke-width: 1; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.tick { fill: var(--soft); font-size: 11px; }
.name { paint-order: stroke; stroke: var(--panel); stroke-width: 4px; stroke-linejoin: round; }
.head { fill: var(--ink); font-size: 13px; font-weight: 600; }
.inner { fill: #ffffff; font-size: 10px; font-weight: 600; }
.hop { stroke: var(--soft); }
circle.mix { fill: var(--c3); }
circle.provider { fill: var(--c0); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; }
.legend i { display: inline-block; width: 12px; height: 12px; margin-right: 6px; border-radius: 2px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 13px; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--grid); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
.ballot { display: inline-flex; gap: 4px; flex-wrap: wrap; }
.mark { padding: 0 6px; border-radius: 4px; border: 1px solid currentColor; font-size: 12px; white-space: nowrap; }
.mark.all { color: var(--good); }
.mark.some { color: var(--c1); }
.mark.none { color: var(--bad); text-decoration: line-through; }
`;
