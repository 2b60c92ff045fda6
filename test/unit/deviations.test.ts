/** The one table of deviations: every site takes its entry from it, and the built-in policy is made of it. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import {
  deviation,
  deviationNames,
  standIn,
  usualDeviations,
} from "../../harness/base/deviations.ts";
import { defaultPolicy, policySchema } from "../../harness/gate/policy/policy.ts";

const root = join(import.meta.dirname, "..", "..");
const table = join("harness", "base", "deviations.ts");
const sources = ["harness", "fixtures", "images", "reports", "scenarios"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((name) => name.endsWith(".ts") && name !== table)
    .map((name) => [name, readFileSync(join(root, name), "utf8")] as const),
);

/** Sites of a source that state a deviation of their own making, or one that the table lacks. */
function strays(text: string): string[] {
  const literals = [...text.matchAll(/\bid: *(["'`])([^"'`]*)\1,\s*text\b/g)].map((hit) => hit[2]);
  const named = [...text.matchAll(/\bdeviation\(\s*(["'`])([^"'`]*)\1/g)].map((hit) => hit[2]);
  return [...literals, ...named.filter((id) => !deviationNames.some((name) => name === id))].map(
    String,
  );
}

test("a site that uses an id that is not in the table is seen", () => {
  expect(strays('log({ id: "mine", text: "x" })')).toEqual(["mine"]);
  expect(strays("x({\n  id: `my-${what}`,\n  text,\n})")).toEqual(["my-${what}"]);
  expect(strays('deviation("mine", "x")')).toEqual(["mine"]);
  expect(strays('deviation("tcg")')).toEqual([]);
});

test("no site uses an id that is not in the table, and one place writes them to the log", () => {
  expect(sources.flatMap(([name, text]) => strays(text).map((id) => `${name}: ${id}`))).toEqual([]);
  const writers = sources.filter(([, text]) => /type: "deviation",? /.test(text));
  expect(writers.map(([name]) => name)).toEqual([join("harness", "engine", "stage.ts")]);
});

test("each row of the table is one that some site states", () => {
  const all = sources.map(([, text]) => text).join("\n");
  const unused = deviationNames.filter(
    (name) => name !== "stand-in" && !new RegExp(`deviation\\(\\s*"${name}"`).test(all),
  );
  expect(unused).toEqual([]);
});

test("the built-in policy accepts what the harness always causes, and no stand-in", () => {
  expect([...usualDeviations].sort()).toEqual([
    "bios-serial",
    "card-mark",
    "changed-image",
    "credentials",
    "credentials-typed",
    "derived-image",
    "disk-arguments",
    "disk-built",
    "fork",
    "insecure-registry",
    "installed",
    "installer-registry",
    "live-medium",
    "menu-enter",
    "network-closed",
    "network-of-lab",
    "origin-changed",
    "overlay-disk",
    "passphrase-typed",
    "pvpanic",
    "root-channel",
    "signature-default",
    "signature-policy",
    "ssh-key",
    "sshd-wanted",
    "tcg",
    "unsafe-cache",
    "updates-stopped",
  ]);
  expect(defaultPolicy(["a"]).deviations.allow).toEqual(usualDeviations);
});

test.each(["fixtures/reference-gate.yaml", "docs/ci/gate.yaml"])(
  "%s lets everything pass that the harness does to each guest",
  (path) => {
    const { deviations } = policySchema.parse(parse(readFileSync(path, "utf8")));
    // Where a disk follows the run's registry already, its origin stays.
    const usual = usualDeviations.filter((id) => id !== "origin-changed");
    expect(usual.filter((id) => !deviations.allow.includes(id))).toEqual([]);
  },
);

test("sentences name what was really done", () => {
  expect(deviation("origin-changed", "quay.io/os:1", "10.0.2.100:5000/os:stable").text).toBe(
    "The guest's origin was changed from quay.io/os:1 to 10.0.2.100:5000/os:stable.",
  );
  expect(standIn("bootc", "reference:v2")).toEqual({
    id: "stand-in:bootc",
    text: "'bootc' in reference:v2 is a stand-in, not the real program.",
  });
  expect(standIn("bootc", "v2", "bootc 1.16").text).toContain("a stand-in (bootc 1.16), not");
});
