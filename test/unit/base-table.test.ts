/** What reports show of bases and layers: escaped and cut, whatever an image says of itself. */
import { expect, test } from "vitest";
import { baseTable } from "../../reports/base-table.ts";
import { html } from "../../reports/html.ts";
import { markdown } from "../../reports/markdown.ts";
import { summary } from "../../reports/summary.ts";
import { digestOfText } from "../contract/support/layered-layout.ts";
import { type VariantImage, variantRun } from "../golden/variant-runs.ts";

const down = "The unit did not start.";
const evil = `<script>alert(1)</script>\n::error::x [a](https://evil.example) @everyone ##[command] \u001b[31m${"z".repeat(500)}`;

const image = (own: string): VariantImage => ({
  layers: ["base", own],
  more: {
    version: evil,
    revision: evil,
    claims: [{ by: "label", digest: digestOfText("base"), name: evil }],
  },
  fates: { "boot/health": down },
});

test("hostile labels are one short line in each report", () => {
  const model = variantRun({ a: image("a"), b: image("b") });
  const page = html(model);
  expect(page).toContain("What the images have in common");
  expect(page).not.toContain("<script>alert");
  expect(page).toContain("&lt;script&gt;alert(1)");
  const text = summary(model);
  expect(text).not.toMatch(/^\s*::error::/m);
  expect(text).not.toContain("##[");
  expect(text).not.toContain("\u001b");
  const marked = markdown(model);
  expect(marked).not.toContain("](https://evil");
  expect(marked).not.toContain("@everyone");
  const [fault] = baseTable(model)?.faults ?? [];
  expect(fault?.headline.length).toBeLessThan(700);
  expect(fault?.headline).not.toContain("\n");
});

test("an image that tells nothing cannot be told of, and a run of one image has no table", () => {
  const table = baseTable(
    variantRun({ a: image("a"), disk: { fates: { "boot/health": "passed" } } }),
  );
  expect(table?.rows[1]).toEqual({
    image: "disk",
    base: "cannot tell",
    size: "cannot tell",
    shares: "cannot tell",
  });
  expect(table?.rows[0]).toMatchObject({ size: "5.0 MiB (2)", shares: "none" });
  expect(table?.faults).toEqual([]);
  expect(baseTable(variantRun({ a: image("a") }))).toBeNull();
  const disks = {
    a: { fates: { "boot/health": "passed" } },
    b: { fates: { "boot/health": "passed" } },
  };
  expect(html(variantRun(disks))).not.toContain("What the images have in common");
});

test("what is left out of a row is counted", () => {
  const images = Object.fromEntries(
    Array.from({ length: 6 }, (_, at): [string, VariantImage] => [
      `v${at}`,
      { layers: ["base", `own-${at}`], fates: { "boot/health": "passed" } },
    ]),
  );
  expect(baseTable(variantRun(images))?.rows[0]?.shares).toBe(
    "v1 4.0 MiB (1), v2 4.0 MiB (1), v3 4.0 MiB (1) and 2 more",
  );
});
