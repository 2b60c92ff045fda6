/** One variant of a matrix is promoted by its own decision while another is held; a base's decision moves no tag. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verdict } from "../../harness/cli/commands/verdict-command.ts";
import { parseDecision } from "../../harness/gate/verdict/decision.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import { type VariantImage, variantEvents } from "../golden/variant-runs.ts";
import { exitCode, lab, printed, useLab } from "./promote-bench.ts";
import { layoutDigest } from "./promote-lab.ts";

useLab();

const image = (own: string, fate: string): VariantImage => ({
  layers: ["base", own],
  fates: { "boot/health": fate },
});

/** A run of the layout's v1, which fails, and its v2. */
async function runOfTwo(): Promise<string> {
  const events = variantEvents({
    one: image("a", "The unit did not start."),
    two: image("b", "passed"),
  });
  let text = events.map((event: RunEvent) => `${JSON.stringify(event)}\n`).join("");
  for (const [label, tag] of [
    ["one", "v1"],
    ["two", "v2"],
  ] as const) {
    const [was] = events.flatMap((event) =>
      event.type === "run-started"
        ? event.jobs.flatMap(({ cell, images }) =>
            cell?.image === label ? (images.candidate?.digest ?? []) : [],
          )
        : [],
    );
    text = text.replaceAll(was ?? "", await layoutDigest(lab, tag));
  }
  const directory = join(lab.folder, "runs", "2026-11-21T07-31-00");
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "events.jsonl"), text);
  await writeFile(
    join(lab.folder, "gate.yaml"),
    "version: 1\nrequire: [{ scenarios: [boot/health] }]\n",
  );
  return directory;
}

const judged = (directory: string): Promise<number> =>
  verdict([directory], { policy: join(lab.folder, "gate.yaml") });

test("a variant that passed is promoted by its own decision, though the matrix is held", async () => {
  const directory = await runOfTwo();
  expect(await judged(directory)).toBe(1);
  expect(printed).toMatch(/^HOLD: /m);
  expect(printed).toMatch(/^ {2}one: HOLD: boot\/health of one /m);
  expect(printed).toMatch(/^ {2}two: PROMOTE$/m);
  expect(printed).toMatch(/^ {2}base the first layer of 4.0 MiB: PROMOTE$/m);
  const at = (part: string): string => join(directory, "decisions", part);
  expect(await readdir(at("variants/two"))).toEqual(["decision.json", "greenwave.json"]);
  expect(JSON.parse(await readFile(at("variants/two/greenwave.json"), "utf8"))).toMatchObject({
    policies_satisfied: true,
  });

  expect(await exitCode(directory)).toBe(1);
  expect(await exitCode(at("variants/one"))).toBe(1);
  expect(await exitCode(at("bases/1"))).toBe(2);
  expect(printed).toContain("is about a base by what its variants show; it moves no tag");
  // Another image than the one that the decision is about.
  expect(await exitCode(at("variants/two"), { from: `oci:${join(lab.folder, "layout")}:v1` })).toBe(
    2,
  );
  expect(lab.requests).toEqual([]);

  expect(await exitCode(at("variants/two"))).toBe(0);
  expect(await lab.digestOf("os", "stable")).toBe(await layoutDigest(lab, "v2"));
});

test("a variant's decision does not stand on a changed log, nor by another variant's words", async () => {
  const directory = await runOfTwo();
  await judged(directory);
  const path = join(directory, "decisions", "variants", "one", "decision.json");
  const two = join(directory, "decisions", "variants", "two", "decision.json");
  const good = parseDecision(await readFile(two, "utf8"), two);
  // It says that the one which failed is promoted.
  await writeFile(path, JSON.stringify({ ...good, about: { kind: "variant", label: "one" } }));
  expect(await exitCode(join(directory, "decisions", "variants", "one"))).toBe(1);
  await writeFile(path, JSON.stringify({ ...good, about: { kind: "variant", label: "three" } }));
  expect(await exitCode(join(directory, "decisions", "variants", "one"))).toBe(2);
  expect(printed).toContain("its runs do not have the variant that it is about");
  // Beside the log it would be taken for the decision about all.
  const all = join(directory, "decision.json");
  const kept = await readFile(all, "utf8");
  await writeFile(all, JSON.stringify(good));
  await expect(judged(directory)).rejects.toThrow(/is about one variant of the run's images/);
  await writeFile(all, kept);
  await writeFile(join(directory, "events.jsonl"), "{}\n");
  expect(await exitCode(join(directory, "decisions", "variants", "two"))).toBe(2);
  expect(lab.requests).toEqual([]);
});

test("decisions of an earlier verdict go, and what somebody else put there stays", async () => {
  const directory = await runOfTwo();
  const old = join(directory, "decisions", "variants", "gone");
  await mkdir(old, { recursive: true });
  await writeFile(join(old, "decision.json"), "{}");
  await mkdir(join(directory, "decisions", "variants", "two"), { recursive: true });
  await writeFile(join(directory, "decisions", "variants", "two", "note.txt"), "mine");
  await judged(directory);
  const variants = join(directory, "decisions", "variants");
  expect((await readdir(variants)).sort()).toEqual(["one", "two"]);
  expect(await readFile(join(variants, "two", "note.txt"), "utf8")).toBe("mine");
  await rm(directory, { recursive: true });
});
