/** Which failures are a base's: only where those that fail share it, and none of it passes. */
import { expect, test } from "vitest";
import { compareVariants } from "../../harness/gate/variants/base-faults.ts";
import { faultDetails, faultHeadline } from "../../harness/gate/variants/base-words.ts";
import { basesOf } from "../../harness/gate/variants/bases.ts";
import { failureOf } from "../../harness/gate/variants/same-failure.ts";
import { sharedLayersOf } from "../../harness/gate/variants/shared-layers.ts";
import { variantsOf } from "../../harness/gate/variants/variants.ts";
import { diffIdOf, digestOfText } from "../contract/support/layered-layout.ts";
import { imageDigest, type VariantImage, variantRun } from "../golden/variant-runs.ts";

const commit = "c".repeat(64);
const bootc = { name: "quay.io/fedora/fedora-bootc:44", digest: digestOfText("fedora-bootc") };
const onBootc = {
  whole: 2,
  commit,
  version: "44.20261120",
  claims: [{ by: "annotation", ...bootc }] as [{ by: "annotation"; name: string; digest: string }],
};
const down = "The unit did not start.";

const variant = (own: string, fate: string, more: object = onBootc): VariantImage => ({
  layers: ["commit", "packages", own],
  more,
  fates: { "boot/health": fate },
});
const other = (own: string, fate: string): VariantImage => ({
  layers: ["debian", own],
  more: { claims: [{ by: "label", digest: digestOfText("debian") }] },
  fates: { "boot/health": fate },
});

const told = (images: Readonly<Record<string, VariantImage>>): string[] =>
  compareVariants(variantRun(images)).faults.map(faultHeadline);
const blames = (images: Readonly<Record<string, VariantImage>>): string[] =>
  compareVariants(variantRun(images)).faults.map(({ blame }) => blame);

test("variants of one base that fail alike, while those of another pass, name the base", () => {
  const images = {
    kinoite: variant("kde", down),
    silverblue: variant("gnome", down),
    sway: variant("sway", "broken"),
    debian: other("a", "passed"),
  };
  expect(told(images)).toEqual([
    "2 of 4 variants fail the same step with the same words: the base (quay.io/fedora/fedora-bootc:44, " +
      `${bootc.digest.slice(0, 19)}, ostree commit cccccccccccc, the first 2 layers of 14.0 MiB, each of them says version 44.20261120).`,
  ]);
  const [fault] = compareVariants(variantRun(images)).faults;
  expect(fault && Object.fromEntries(faultDetails(fault))).toEqual({
    step: "the system is up",
    words: down,
    in: "boot/health on qemu x86_64 uefi",
    fail: "kinoite and silverblue",
    broken: "sway (of this base)",
    passed: "debian (of another base)",
  });
});

test.each<[string, Readonly<Record<string, VariantImage>>, string[]]>([
  [
    "a variant of the base that passes takes it off the base alone",
    { a: variant("a", down), b: variant("b", down), c: variant("c", "passed") },
    ["not-alone"],
  ],
  [
    "an image of another base that fails alike takes it off the base",
    { a: variant("a", down), b: variant("b", down), d: other("d", down) },
    ["not-base"],
  ],
  [
    "an image that fails alike and tells nothing leaves it open",
    { a: variant("a", down), b: variant("b", down), disk: { fates: { "boot/health": down } } },
    ["cannot-tell"],
  ],
  [
    "images that tell nothing",
    { a: { fates: { "boot/health": down } }, b: { fates: { "boot/health": down } } },
    ["cannot-tell"],
  ],
  [
    "other words are another failure",
    { a: variant("a", down), b: variant("b", "No network.") },
    [],
  ],
  ["one alone says nothing of a base", { a: variant("a", down), b: variant("b", "passed") }, []],
  ["what broke is nobody's", { a: variant("a", "broken"), b: variant("b", "broken") }, []],
])("%s", (_, images, expected) => {
  expect(blames(images)).toEqual(expected);
});

test("without an image of another base that passes, what every image meets is named beside the base", () => {
  const [all] = told({ a: variant("a", down), b: variant("b", down) });
  expect(all).toMatch(/^All 2 variants fail .*: the base \(.*\), or what every image meets here/);
  const [one] = told({
    a: variant("a", down),
    b: variant("b", down),
    disk: { fates: { "boot/health": "passed" } },
  });
  expect(one).toMatch(/^2 of 3 .* or what every image meets here/);
});

test("scenarios that fail the same variants alike are told once, others each", () => {
  const image = (own: string): VariantImage => ({
    ...variant(own, down),
    fates: { "boot/health": down, "bootc/status": down, "composefs/root": "No digest." },
  });
  const { faults } = compareVariants(variantRun({ a: image("a"), b: image("b") }));
  expect(faults.map(({ where }) => where.map(({ scenario }) => scenario))).toEqual([
    ["boot/health", "bootc/status"],
    ["composefs/root"],
  ]);
});

test("of bases within each other the nearest is named that no passing variant has", () => {
  const { faults } = compareVariants(
    variantRun({
      main: { ...variant("main", "passed"), layers: ["commit", "packages", "x"] },
      bazzite: { ...variant("b", down), layers: ["commit", "packages", "ublue", "b"] },
      bluefin: { ...variant("f", down), layers: ["commit", "packages", "ublue", "f"] },
    }),
  );
  expect(faults.map(({ blame, base }) => [blame, base?.layers?.count])).toEqual([["base", 3]]);
  expect(faults[0]?.others).toMatchObject([{ stands: "passed", of: "another" }]);
});

const basesIn = (images: Readonly<Record<string, VariantImage>>) =>
  basesOf(variantsOf(variantRun(images)).all).map(({ members, layers, commit: one, tested }) => ({
    members: members.map(({ name }) => name),
    layers: layers?.count ?? 0,
    ...(one === null ? {} : { commit: one }),
    ...(tested === null ? {} : { tested: tested.name }),
  }));

test("equal chunks are not a base, nor is a part of an ostree commit, nor a name", () => {
  const fates = { "boot/health": "passed" };
  const chunked = (last: string): VariantImage => ({
    layers: ["firmware", "glibc", last],
    more: { whole: 3 },
    fates,
  });
  expect(basesIn({ a: chunked("a"), b: chunked("b") })).toEqual([]);
  // Built on one chunked image, they have all of its chunks.
  const built = (own: string): VariantImage => ({
    layers: ["firmware", "glibc", "rest", own],
    more: { whole: 3 },
    fates,
  });
  expect(basesIn({ a: built("a"), b: built("b"), c: chunked("c") })).toEqual([
    { members: ["a", "b"], layers: 3 },
  ]);
  // Rechunked, they share no beginning; what they say of a base is all there is.
  const said = [{ by: "annotation" as const, digest: bootc.digest }];
  const apart = (word: string): VariantImage => ({
    layers: [word, `${word}-2`],
    more: { whole: 2, claims: said },
    fates,
  });
  expect(basesIn({ a: apart("a"), b: apart("b") })).toEqual([{ members: ["a", "b"], layers: 0 }]);
});

test("the base itself is known by its digest or its layers, and one image under two labels is one variant", () => {
  const fates = { "boot/health": "passed" };
  const base: VariantImage = { layers: ["one", "two"], fates };
  const mine: VariantImage = { layers: ["one", "two", "three"], fates };
  expect(basesIn({ base, mine })).toEqual([
    { members: ["base", "mine"], layers: 2, tested: "base" },
  ]);
  const says: VariantImage = {
    layers: ["x"],
    more: { claims: [{ by: "annotation", digest: imageDigest("base") }] },
    fates,
  };
  expect(basesIn({ base, says })).toEqual([
    { members: ["base", "says"], layers: 0, tested: "base" },
  ]);
  const run = variantRun({ a: base, b: base });
  const [first, second] = run.jobs;
  const { candidate } = first?.images ?? {};
  if (second === undefined || candidate === undefined) throw new Error("no jobs");
  const jobs = [...run.jobs.slice(0, 1), { ...second, images: { candidate } }];
  expect(variantsOf({ ...run, jobs }).all.map(({ name }) => name)).toEqual(["a"]);
});

test("the words of a failure are without names of images, digests, times and what a guest said", () => {
  const [job] = variantRun({
    kinoite: variant("a", "registry.example/kinoite:44 is sha256:0123456789ab after 31.4 s."),
  }).jobs;
  expect(job && failureOf(job)).toEqual({ step: "the system is up", words: "… is … after …." });
});

test("what is shared is counted by blobs, each once", () => {
  const { all } = variantsOf(
    variantRun({
      a: variant("aa", "passed"),
      b: { ...variant("b", "passed"), layers: ["commit", "commit", "own"] },
      disk: { fates: { "boot/health": "passed" } },
    }),
  );
  const MiB = 1024 * 1024;
  expect(
    sharedLayersOf(all).map(({ variant: { name }, own, shares }) => [
      name,
      own?.bytes ?? null,
      shares.map(({ other: { name: with_ }, layers, bytes }) => [with_, layers, bytes / MiB]),
    ]),
  ).toEqual([
    ["a", 16 * MiB, [["b", 1, 6]]],
    ["b", 9 * MiB, [["a", 1, 6]]],
    ["disk", null, []],
  ]);
  expect(diffIdOf("commit")).not.toBe(digestOfText("commit"));
});
