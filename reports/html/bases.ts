/** What the images of a run have in common: failures that are a base's, and layers. */
import type { RunModel } from "../../harness/log/model-schema.ts";
import { baseTable, layerColumns } from "../base-table.ts";
import { type Markup, markup } from "./markup.ts";

/** More rows than a matrix has images. */
const maxRows = 200;

/** The section, null where one image was run, and where nothing is known of several. */
export function basesOf(model: RunModel): Markup | null {
  const found = baseTable(model);
  if (found === null || found.faults.length + found.rows.length === 0) return null;
  const faults = found.faults.map(({ headline, details }) => {
    const lines = details.map(([label, text]) => markup`<dt>${label}</dt><dd>${text}</dd>`);
    return markup`<p><strong>${headline}</strong></p>${lines.length === 0 ? null : markup`<dl class="facts">${lines}</dl>`}`;
  });
  const head = layerColumns.map((column) => markup`<th scope="col">${column}</th>`);
  const rows = found.rows.slice(0, maxRows).map(
    ({ image, base, size, shares }) =>
      markup`<tr><th scope="row">${image}</th><td>${base}</td><td>${size}</td><td>${shares}</td></tr>
`,
  );
  const table =
    rows.length === 0
      ? null
      : markup`<div class="scroll" tabindex="0" role="region" aria-label="Layers that images share"><table><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
  return markup`<section aria-labelledby="bases"><h2 id="bases">What the images have in common</h2>${faults}${table}</section>`;
}
