import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  labelOf,
  matrixJsonSchema,
  matrixSchema,
  readMatrix,
} from "../../harness/cli/wiring/matrix-file.ts";
import { parseYaml } from "../../harness/config/load-yaml.ts";
import { noKnownFailures } from "../../harness/gate/known/known-failures.ts";
import { defaultPolicy } from "../../harness/gate/policy/policy.ts";
import { mergeShards } from "../../harness/gate/shards/merge.ts";
import { decide } from "../../harness/gate/verdict/verdict.ts";
import type { CellFacts, RunEvent } from "../../harness/log/events.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { loadCatalogue } from "../../images/catalogue.ts";
import { html } from "../../reports/html.ts";
import { imageTable } from "../../reports/image-table.ts";
import { markdown } from "../../reports/markdown.ts";
import { summary } from "../../reports/summary.ts";
import { at, digest, jobFacts, runStarted } from "../golden/report-events.ts";

const catalogue = await loadCatalogue(
  new URL("../../images/catalogue.yaml", import.meta.url).pathname,
);
const catalogues = async () => [catalogue];

test("docs/schema/matrix.schema.json is fresh", async () => {
  await expect(matrixJsonSchema()).toMatchFileSnapshot("../../docs/schema/matrix.schema.json");
});

test("the example in docs/matrix.md is one", () => {
  const page = readFileSync(new URL("../../docs/matrix.md", import.meta.url), "utf8");
  const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  const file = parseYaml(example, "docs/matrix.md", matrixSchema);
  expect(file.images.length).toBeGreaterThan(2);
  expect(file.machines).toHaveLength(4);
  expect(file.disks).toHaveLength(4);
});

describe("--matrix", () => {
  test("is not given", async () => {
    expect(await readMatrix({ candidate: "x" }, catalogues)).toBeNull();
  });

  test("names a group of the catalogue", async () => {
    const matrix = await readMatrix({ matrix: "catalogue:atomic-desktops" }, catalogues);
    expect(matrix?.images.slice(0, 2)).toEqual([
      { candidate: "silverblue:43", label: "silverblue-43" },
      { candidate: "kinoite:43", label: "kinoite-43" },
    ]);
  });

  test("names ways of installing from an ISO, as the command line does", async () => {
    const path = join(await mkdtemp(join(tmpdir(), "bootgate-matrix-")), "matrix.yaml");
    onTestFinished(() => rm(dirname(path), { recursive: true }));
    const pair = "images: [{ candidate: os.iso, candidateOci: 'oci:layout:v2' }]";
    const loader = "disks: [{ name: by-loader, installerBoot: loader, payload: registry }]";
    await writeFile(path, ["version: 1", pair, loader, ""].join("\n"));
    const read = await readMatrix({ matrix: path }, catalogues);
    expect(read?.images[0]?.candidateOci).toBe("oci:layout:v2");
    expect(read?.disks[0]?.options).toEqual({ installerBoot: "loader", payload: "registry" });
    const way = "{ name: by-bootc, kickstartCommand: bootc, kickstartLayout: custom }";
    await writeFile(path, `version: 1\nimages: [reference-installer]\ndisks:\n  - ${way}\n`);
    expect((await readMatrix({ matrix: path }, catalogues))?.disks).toEqual([
      { name: "by-bootc", options: { kickstartCommand: "bootc", kickstartLayout: "custom" } },
    ]);
    await writeFile(path, `version: 1\nimages: [x]\ndisks: [{ name: a, kickstartLayout: lvm }]\n`);
    await expect(readMatrix({ matrix: path }, catalogues)).rejects.toThrow(/kickstartLayout/);
  });

  test("names a group that there is not", async () => {
    await expect(readMatrix({ matrix: "catalogue:atomic-desktop" }, catalogues)).rejects.toThrow(
      /does not have a group 'atomic-desktop'.*did you mean 'atomic-desktops'\?[\s\S]*bootc-bases/,
    );
  });

  test.each([
    ["candidate", "--candidate"],
    ["previous", "--previous"],
    ["candidateChecksum", "--candidate-checksum"],
  ])("does not go with %s", async (key, word) => {
    const options = { matrix: "catalogue:atomic-desktops", [key]: "x" };
    await expect(readMatrix(options, catalogues)).rejects.toThrow(
      `named by --matrix, so ${word} says nothing`,
    );
  });
});

test.each([
  ["silverblue:43", "silverblue-43"],
  ["quay.io/you/os:pr-1", "quay.io-you-os-pr-1"],
  ["oci:../a b:v2", "oci-..-a-b-v2"],
  ["///", "image"],
])("'%s' is called '%s' in the ids of its jobs", (name, label) => {
  expect(labelOf(name)).toBe(label);
});

test("long names stay short and apart", () => {
  const long = (end: string) => labelOf(`quay.io/${"deep/".repeat(30)}${end}`);
  expect(long("a:1")).not.toBe(long("b:1"));
  expect(long("a:1").length).toBeLessThanOrEqual(60);
  expect(labelOf(`x/${"a".repeat(80)}`)).not.toBe(labelOf(`y/${"a".repeat(80)}`));
});

interface Cell {
  readonly mark: string;
  readonly cell?: CellFacts;
  readonly fates: Readonly<Record<string, "passed" | "failed" | "skipped">>;
}

const scenarios = ["boot/health", "composefs/root"] as const;
const silverblue: Cell = {
  mark: "2",
  cell: { image: "silverblue-43" },
  fates: { "boot/health": "passed", "composefs/root": "passed" },
};
const kinoite: Cell = {
  mark: "3",
  cell: { image: "kinoite-43" },
  fates: { "boot/health": "passed", "composefs/root": "failed" },
};

const jobsOf = ({ mark, cell, fates }: Cell) =>
  Object.keys(fates).map((scenario) =>
    jobFacts(scenario, {
      id: [`${scenario}@qemu-x86_64-uefi`, ...Object.values(cell ?? {})].join("+"),
      images: {
        candidate: {
          name: `image-${mark}`,
          digest: digest(mark),
          architecture: "x86_64",
          standIns: [],
        },
      },
      ...(cell === undefined ? {} : { cell }),
    }),
  );

function playedOf(cell: Cell): RunEvent[] {
  return jobsOf(cell).flatMap(({ id: job, scenario }): RunEvent[] => {
    const fate = cell.fates[scenario] ?? "passed";
    const ended = { type: "job-ended", at: at(3), job, attempt: 1, durationMs: 1 } as const;
    if (fate === "skipped") return [{ ...ended, outcome: { kind: "skipped", reason: "so" } }];
    const outcome =
      fate === "passed"
        ? ({ kind: "passed" } as const)
        : ({
            kind: "failed",
            error: { type: "ExpectationFailed", headline: "It is ext4.", message: "It is ext4." },
          } as const);
    const step = "a step";
    return [
      { type: "job-started", at: at(1), job, attempt: 1 },
      { type: "step-started", at: at(1), job, step },
      { type: "step-ended", at: at(2), job, step, outcome, durationMs: 1 },
      { ...ended, outcome },
    ];
  });
}

const eventsOf = (cells: readonly Cell[]): RunEvent[] => [
  runStarted(cells.flatMap(jobsOf)),
  ...cells.flatMap(playedOf),
  { type: "run-ended", at: at(9) },
];
const modelOf = (cells: readonly Cell[]) => foldRun(eventsOf(cells));

describe("a run of several images", () => {
  const model = modelOf([silverblue, kinoite]);

  test("is one report with a row a scenario and a column an image, differences marked", () => {
    expect(summary(model)).toContain(
      [
        "The images differ in 1 of 2 scenarios, marked ≠.",
        "   scenario        silverblue-43  kinoite-43",
        "   boot/health     passed         passed",
        "≠  composefs/root  passed         failed",
      ].join("\n"),
    );
    const text = markdown(model);
    expect(text).toMatch(/\| \| scenario \| silverblue\S*43 \| kinoite\S*43 \|/);
    expect(text).toMatch(/\| ≠ \| composefs\S*root \| ✅ passed \| ❌ failed \|/);
    expect(text).toMatch(/\| {2}\| boot\S*health \| ✅ passed \| ✅ passed \|/);
    const page = html(model);
    expect(page).toContain('<th scope="col">silverblue-43</th><th scope="col">kinoite-43</th>');
    expect(page.match(/<tr class="differs">/g)).toHaveLength(1);
    expect(page).toContain('aria-label="Scenarios by image"');
  });

  test("says so where all stand alike", () => {
    const alike = modelOf([silverblue, { ...kinoite, fates: silverblue.fates }]);
    expect(summary(alike)).toContain("The images stand alike in all 2 scenarios.");
    expect(html(alike)).not.toContain('class="differs"');
  });

  test("a scenario that was not planned for one of them differs", () => {
    const table = imageTable(
      modelOf([silverblue, { ...kinoite, fates: { "boot/health": "passed" } }]),
    );
    expect(table?.rows.map(({ differs }) => differs)).toEqual([false, true]);
  });

  test("ways of installing one image are columns of their own", () => {
    const ways = ["ext4", "xfs"].map((disk) => ({
      ...silverblue,
      cell: { image: "silverblue-43", disk },
    }));
    expect(imageTable(modelOf(ways))?.columns).toEqual(["silverblue-43 ext4", "silverblue-43 xfs"]);
  });

  test("a run of one image has no such table", () => {
    expect(imageTable(modelOf([silverblue]))).toBeNull();
    expect(summary(modelOf([silverblue]))).not.toContain("≠");
  });
});

describe("the log of a matrix", () => {
  test("refuses the same case under another name", () => {
    const double = { ...silverblue, cell: { image: "another-label" } };
    expect(() => modelOf([silverblue, double])).toThrow(/plans the job .* twice/);
  });

  test("is merged from its shards, whose images are compared label by label", () => {
    const shard = (cell: Cell, index: number): RunEvent[] => {
      const [head, ...rest] = eventsOf([cell]);
      if (head?.type !== "run-started") throw new Error("no head");
      return [{ ...head, shard: { index, count: 2, selection: "s" } }, ...rest];
    };
    const logs = (second: Cell) => [
      { name: "one", events: shard(silverblue, 1) },
      { name: "two", events: shard(second, 2) },
    ];
    expect(foldRun(mergeShards(logs(kinoite), "merged")).jobs).toHaveLength(4);
    const moved = { ...kinoite, cell: { image: "silverblue-43" } };
    expect(() => mergeShards(logs(moved), "merged")).toThrow(
      /different candidate images for x86_64 in silverblue-43/,
    );
  });
});

describe("the verdict on a matrix", () => {
  const verdict = (...runs: readonly (readonly Cell[])[]) =>
    decide({
      runs: runs.map((cells, index) => {
        const model = { ...modelOf(cells), run: `run-${index}` };
        return { model, eventsDigest: digest(String(index)) };
      }),
      policy: defaultPolicy(scenarios),
      known: noKnownFailures,
      now: new Date("2026-11-22T12:00:00Z"),
    });

  test("promotes when each image shows all that is required", () => {
    const decision = verdict([silverblue, { ...kinoite, fates: silverblue.fates }]);
    expect(decision.verdict).toBe("PROMOTE");
    expect(decision.candidates).toHaveLength(2);
  });

  test("holds for the one that failed, by its label", () => {
    const decision = verdict([silverblue, kinoite]);
    expect([decision.verdict, decision.because]).toEqual(["HOLD", "image"]);
    expect(decision.reasons).toEqual([
      "composefs/root of kinoite-43 on x86_64, uefi failed: It is ext4.",
    ]);
  });

  test("holds for what one image did not show, however green the others are", () => {
    const decision = verdict([silverblue, { ...kinoite, fates: { "boot/health": "passed" } }]);
    expect(decision.reasons).toEqual([
      "composefs/root is required and was not run for image-3, x86_64",
    ]);
  });

  test("one failed way of installing holds the image", () => {
    const way = (disk: string, fates: Cell["fates"]) => ({
      ...silverblue,
      fates,
      cell: { image: "silverblue-43", disk },
    });
    const decision = verdict([way("ext4", silverblue.fates), way("xfs", kinoite.fates)]);
    expect(decision.reasons).toEqual([
      "composefs/root of silverblue-43, xfs on x86_64, uefi failed: It is ext4.",
    ]);
  });

  test("refuses two digests for one label, and a run beside it of an image that is not in it", () => {
    const moved = { ...silverblue, mark: "4" };
    expect(() => verdict([silverblue, kinoite], [moved])).toThrow(/different candidates/);
    const alone = { mark: "5", fates: silverblue.fates };
    expect(() => verdict([silverblue, kinoite], [alone])).toThrow(/different candidates/);
    const again = { mark: "2", fates: silverblue.fates };
    expect(verdict([silverblue, { ...kinoite, fates: silverblue.fates }], [again]).verdict).toBe(
      "PROMOTE",
    );
  });
});
