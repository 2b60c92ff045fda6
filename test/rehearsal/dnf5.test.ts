/** Stories of dnf5 where there is nothing to judge, or somebody else is to blame. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HostUnfit, MachineFault } from "../../harness/base/errors.ts";
import { packageRoot } from "../../harness/base/package-root.ts";
import { loadYaml } from "../../harness/config/load-yaml.ts";
import { knownFailuresSchema, matchKnown } from "../../harness/gate/known/known-failures.ts";
import { dnf5Caught } from "./dnf5-stories.ts";
import { rehearse } from "./rehearse.ts";

test.each(Object.keys(dnf5Caught))("%s is skipped where there is no dnf5", async (id) => {
  const { outcome } = await rehearse(id, "dnf-missing");
  expect(outcome).toEqual({ kind: "skipped", reason: "The image does not have dnf5." });
});

test("an image that is known not to have dnf5 is not booted for it", async () => {
  const catalogue = { entry: "mine", promises: [], lacks: ["dnf5"] } as const;
  const { outcome, attempts } = await rehearse("dnf5/transient", null, { catalogue });
  expect(outcome.kind).toBe("skipped");
  expect(attempts).toEqual([]);
});

test.each([
  new MachineFault("The harness's file server died in mid-run."),
  new HostUnfit("This host cannot make RPM packages: 'rpmbuild' cannot be run."),
])("a repository that dies is nobody's failure: $name", async (error) => {
  const died = Promise.reject(error);
  died.catch(() => undefined);
  const { outcome } = await rehearse("dnf5/transient", null, { died });
  expect(outcome.kind).toBe("broken");
});

describe("a dnf5 with a refusal and nothing else", () => {
  const world = { dnfVersion: "5.2.13.1" };
  test("dnf5/refusal is played in the words of that version", async () => {
    const { outcome } = await rehearse("dnf5/refusal", null, { world });
    expect(outcome).toEqual({ kind: "passed" });
  });

  test.each(["dnf-opens-usr", "usr-writable"] as const)("and catches '%s'", async (sabotage) => {
    const { outcome } = await rehearse("dnf5/refusal", sabotage, { world });
    expect(outcome.kind).toBe("failed");
  });

  test("it goes by ostree's mark, which not every system has", async () => {
    const composefs = { ...world, kind: "bootc-composefs" } as const;
    const { outcome } = await rehearse("dnf5/refusal", null, { world: composefs });
    expect(outcome).toEqual({
      kind: "skipped",
      reason: expect.stringMatching(
        /goes by \/run\/ostree-booted, which this system does not have/,
      ),
    });
  });

  test.each(["dnf5/usr-overlay", "dnf5/upgraded-state"])("%s is played", async (id) => {
    const { outcome } = await rehearse(id, null, { world: { ...world, bootc: "1.1.4" } });
    expect(outcome).toEqual({ kind: "passed" });
  });

  test.each([
    ["dnf5/usr-overlay", "overlay-stays", /^after a reboot the package is gone$/],
    ["dnf5/upgraded-state", "database-stays", /^the new boot has the packages of v2, and they/],
  ] as const)("%s catches '%s'", async (id, sabotage, step) => {
    const { outcome, attempts } = await rehearse(id, sabotage, {
      world: { ...world, bootc: "1.1.4" },
    });
    expect(outcome.kind).toBe("failed");
    const failed = attempts.at(-1)?.steps.find((one) => one.outcome.kind === "failed");
    expect(failed?.name).toMatch(step);
  });

  const played = [
    ...["dnf5/refusal", "dnf5/derived-packages", "dnf5/other-kernel"],
    ...["dnf5/usr-overlay", "dnf5/upgraded-state"],
  ];
  test.each(Object.keys(dnf5Caught).filter((id) => !played.includes(id)))(
    "%s is skipped",
    async (id) => {
      const { outcome } = await rehearse(id, null, { world });
      expect(outcome).toEqual({
        kind: "skipped",
        reason: expect.stringMatching(/^dnf5 5\.2\.13\.1 does not know of read-only systems/),
      });
    },
  );
});

test("a package of the kernel's version that wants it by name goes with the kernel", async () => {
  const { outcome } = await rehearse("dnf5/other-kernel", null, {
    world: { wantsKernel: "matched" },
  });
  expect(outcome).toEqual({ kind: "passed" });
});

test("what an image excludes for its users does not keep its kernel", async () => {
  const world = { dnfSettings: { excludepkgs: "kernel*" } };
  const { outcome } = await rehearse("dnf5/other-kernel", null, { world });
  expect(outcome).toEqual({ kind: "passed" });
});

test("an image where dnf5 would take away somebody else's package with the kernel is not judged", async () => {
  const { outcome } = await rehearse("dnf5/other-kernel", null, {
    world: { wantsKernel: "other" },
  });
  expect(outcome).toEqual({
    kind: "skipped",
    reason: "The image has packages for its own kernel: simulated-tracing-5-1.x86_64.",
  });
});

test.each(["5.4.1.0", "5.4.2.1"])(
  "dnf5 %s may show what it would do before it refuses, with bootc and without",
  async (dnfVersion) => {
    for (const id of ["dnf5/refusal", "dnf5/not-bootc"])
      expect((await rehearse(id, null, { world: { dnfVersion } })).outcome, id).toEqual({
        kind: "passed",
      });
  },
);

describe("a dnf5 that keeps its lock below /usr", () => {
  const now = new Date("2026-11-27T12:00:00Z");
  const hitOf = async (id: string, dnfVersion: string) => {
    const list = await loadYaml(
      join(packageRoot, "scenarios", "known-failures.yaml"),
      knownFailuresSchema,
    );
    const job = await rehearse(id, "dnf-locks-usr", { world: { dnfVersion } });
    return { kind: job.outcome.kind, tracker: matchKnown(list, job, now)?.entry.tracker };
  };

  test.each(["dnf5/refusal", "dnf5/not-bootc", "dnf5/derived-packages", "dnf5/upgraded-state"])(
    "fails %s in a known way before 5.4.3",
    async (id) => {
      const tracker = "https://github.com/rpm-software-management/dnf5/issues/2709";
      expect(await hitOf(id, "5.4.2.0")).toEqual({ kind: "failed", tracker });
    },
  );

  test.each(["dnf5/refusal", "dnf5/derived-packages", "dnf5/upgraded-state"])(
    "fails %s and is not excused from the version on that has its lock elsewhere",
    async (id) => {
      expect(await hitOf(id, "5.4.3.0")).toEqual({ kind: "failed", tracker: undefined });
    },
  );
});

test("an image may change files of one package or two, and of no more without a new version", async () => {
  const outcomeOf = async (...patched: readonly string[]) =>
    (await rehearse("dnf5/upgraded-state", null, { world: { patched } })).outcome;
  expect(await outcomeOf("part-03", "part-30")).toEqual({ kind: "passed" });
  expect(await outcomeOf("part-03", "part-29", "part-30")).toMatchObject({
    kind: "failed",
    error: { headline: expect.stringMatching(/not as the package database says/) },
  });
});

test.each(Object.keys(dnf5Caught))(
  "%s: what an image sets for its users is not held against it",
  async (id) => {
    const dnfSettings = {
      ...{
        proxy: "http://proxy.example:3128",
        excludepkgs: "bootgate-*,simulated-*",
        assumeno: "1",
      },
      ...{ persistence: "transient", usr_drift_protected_paths: "/usr,/etc" },
    };
    const { outcome } = await rehearse(id, null, { world: { dnfSettings } });
    expect(outcome).toEqual({ kind: "passed" });
  },
);
