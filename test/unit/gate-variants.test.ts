/** The decisions of a matrix: one about all, one a variant, one for each base. */
import { expect, test } from "vitest";
import { noKnownFailures } from "../../harness/gate/known/known-failures.ts";
import { policySchema } from "../../harness/gate/policy/policy.ts";
import { decideAll } from "../../harness/gate/verdict/decide-all.ts";
import { decisionText, parseDecision } from "../../harness/gate/verdict/decision.ts";
import { greenwave } from "../../harness/gate/verdict/greenwave.ts";
import { foldRun } from "../../harness/log/run-model.ts";
import { digestOfText } from "../contract/support/layered-layout.ts";
import {
  imageDigest,
  type VariantImage,
  variantEvents,
  variantRun,
} from "../golden/variant-runs.ts";

const down = "The unit did not start.";
const onBootc = {
  whole: 2,
  commit: "c".repeat(64),
  claims: [
    { by: "annotation" as const, name: "fedora-bootc:44", digest: digestOfText("fedora-bootc") },
  ],
};
const variant = (own: string, health: string, status = "passed"): VariantImage => ({
  layers: ["commit", "packages", own],
  more: onBootc,
  fates: { "boot/health": health, "bootc/status": status },
});
const alone = (own: string, fate = "passed"): VariantImage => ({
  layers: [own],
  more: { claims: [{ by: "label" as const, digest: digestOfText(own) }] },
  fates: { "boot/health": fate, "bootc/status": fate },
});

const policyOf = (more: object = {}) =>
  policySchema.parse({
    version: 1,
    require: [{ scenarios: ["boot/health", "bootc/status"] }],
    ...more,
  });

const decided = (
  images: Readonly<Record<string, VariantImage>>,
  { policy = policyOf(), known = noKnownFailures, model = variantRun(images) } = {},
) =>
  decideAll({
    runs: [{ model, eventsDigest: `sha256:${"e".repeat(64)}` }],
    ...{ policy, known },
    now: new Date("2026-11-28T00:00:00Z"),
  });

const told = (all: ReturnType<typeof decided>): string[] => [
  `all ${all.decision.verdict}`,
  ...(all.decision.parts ?? []).map(
    ({ kind, name, verdict, because }) =>
      `${kind === "base" ? "base" : name} ${verdict} ${because ?? "-"}`,
  ),
];

test("one variant is promoted while another is held, and their base, which passed on one, is not to blame", () => {
  const all = decided({ good: variant("a", "passed"), bad: variant("b", down) });
  expect(told(all)).toEqual(["all HOLD", "good PROMOTE -", "bad HOLD image", "base PROMOTE -"]);
  expect(all.decision.parts?.map(({ file }) => file)).toEqual([
    "decisions/variants/good/decision.json",
    "decisions/variants/bad/decision.json",
    "decisions/bases/1/decision.json",
  ]);
  const [good] = all.parts;
  expect(good?.decision).toMatchObject({
    about: { kind: "variant", label: "good" },
    candidates: [{ digest: imageDigest("good") }],
    counts: { required: 2, passed: 2, failed: 0 },
  });
  expect(good?.decision.runs).toEqual(all.decision.runs);
  expect(good?.decision.policy).toEqual(all.decision.policy);
  // Each can be read back as what it is.
  for (const { decision } of [all, ...all.parts])
    expect(parseDecision(decisionText(decision), "it")).toEqual(decision);
});

test("variants that fail alike hold their base, and one of another base is promoted", () => {
  const all = decided({ a: variant("a", down), b: variant("b", down), debian: alone("debian") });
  expect(told(all)).toEqual([
    "all HOLD",
    "a HOLD image",
    "b HOLD image",
    "debian PROMOTE -",
    "base HOLD image",
  ]);
  const base = all.parts.at(-1)?.decision;
  expect(base?.about).toEqual({
    kind: "base",
    name: "fedora-bootc:44",
    digest: digestOfText("fedora-bootc"),
    commit: "c".repeat(64),
    variants: ["a", "b"],
  });
  expect(base?.reasons).toEqual([
    expect.stringMatching(
      /^boot\/health x86_64 uefi: 2 of 3 variants fail the same step .*: the base \(fedora-bootc:44.*\)\. The unit did not start\.$/,
    ),
  ]);
  expect(base?.satisfied.map(({ reason }) => reason)).toEqual([
    "bootc/status x86_64 uefi passed on 2 of the 2 variants of the base",
  ]);
  expect(JSON.parse(greenwave(base ?? all.decision)).unsatisfied_requirements).toMatchObject([
    { subject_identifier: digestOfText("fedora-bootc"), type: "test-result-failed" },
  ]);
});

test("what broke on the host holds the base because nobody can tell", () => {
  const all = decided({ a: variant("a", "broken"), b: variant("b", "broken") });
  expect(told(all)).toEqual([
    "all HOLD",
    "a HOLD cannot-tell",
    "b HOLD cannot-tell",
    "base HOLD cannot-tell",
  ]);
});

test("images that fail alike without a common base hold nobody's base", () => {
  const all = decided({ a: variant("a", down), b: variant("b", down), debian: alone("d", down) });
  expect(told(all).at(-1)).toBe("base HOLD cannot-tell");
});

test("an excuse for all variants excuses the base", () => {
  const policy = policyOf({
    waivers: [{ scenario: "boot/health", by: "Ada", until: "2026-12-31", reason: "known" }],
  });
  const all = decided({ a: variant("a", down), b: variant("b", down) }, { policy });
  expect(told(all)).toEqual(["all PROMOTE", "a PROMOTE -", "b PROMOTE -", "base PROMOTE -"]);
});

test("what one variant was not asked holds no base that another one shows", () => {
  const half: VariantImage = { ...variant("b", "passed"), fates: { "boot/health": "passed" } };
  const images = { kde: variant("a", "passed"), gnome: half };
  expect(told(decided(images)).at(-1)).toBe("base PROMOTE -");
  const policy = policyOf({
    require: [{ scenarios: ["boot/health", "bootc/status"], images: ["*/kde:*", "*/gnome:*"] }],
  });
  expect(told(decided(images, { policy })).at(-1)).toBe("base PROMOTE -");
  const nobody = decided({ kde: half, gnome: { ...half, layers: ["commit", "packages", "c"] } });
  expect(nobody.parts.at(-1)?.decision.reasons).toEqual([
    "bootc/status x86_64 passed on no variant of the base, and nothing shows that it is the base's fault: bootc/status is required and was not run for registry.example/kde:44, x86_64",
  ]);
});

test("a job in two points of the policy is excused once", () => {
  const policy = policyOf({
    require: [{ scenarios: ["boot/health"] }, { scenarios: ["boot/health"], firmware: ["uefi"] }],
    waivers: [{ scenario: "boot/health", by: "Ada", until: "2026-12-31", reason: "known" }],
  });
  const { parts } = decided({ a: variant("a", down), b: variant("b", down) }, { policy });
  expect(parts.map(({ decision }) => decision.waived.length)).toEqual([1, 1, 2]);
});

test("what is required of other images is not required of a variant, and what nobody ran is", () => {
  const images = { kde: variant("a", "passed"), gnome: variant("b", "passed", down) };
  const rule = (one: object) => ({ scenarios: ["boot/health"], ...one });
  const byName = policyOf({
    require: [rule({}), rule({ scenarios: ["bootc/status"], images: ["*/kde:*"] })],
  });
  expect(told(decided(images, { policy: byName })).slice(0, 3)).toEqual([
    "all PROMOTE",
    "kde PROMOTE -",
    "gnome PROMOTE -",
  ]);
  const arm = policyOf({ require: [rule({}), rule({ architectures: ["aarch64"] })] });
  expect(told(decided(images, { policy: arm })).slice(0, 3)).toEqual([
    "all HOLD",
    "kde HOLD cannot-tell",
    "gnome HOLD cannot-tell",
  ]);
});

test("an image that could not be had has a decision of its own, and holds no other", () => {
  const events = variantEvents({ good: variant("a", "passed"), gone: variant("b", "broken") });
  const [head] = events;
  if (head?.type !== "run-started") throw new Error("no head");
  const jobs = head.jobs.map((job) =>
    job.cell?.image === "gone" ? { ...job, images: {}, unavailable: "No such image." } : job,
  );
  const all = decided({}, { model: foldRun([{ ...head, jobs }, ...events.slice(1)]) });
  expect(told(all)).toEqual(["all HOLD", "good PROMOTE -", "gone HOLD cannot-tell"]);
});

test("a run of one image has no parts, and folders of hostile labels stay below theirs", () => {
  const one = decided({ a: variant("a", "passed") });
  expect([one.parts, one.decision.parts]).toEqual([[], undefined]);
  const all = decided({
    "../../x": variant("a", "passed"),
    "/x": variant("b", "passed"),
    "..": alone("c"),
  });
  expect(all.parts.slice(0, 3).map(({ folder }) => folder)).toEqual([
    "decisions/variants/x",
    "decisions/variants/x-2",
    "decisions/variants/image",
  ]);
});
