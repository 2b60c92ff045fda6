import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../harness/base/events.ts";
import { verdictText } from "../../harness/cli/verdict-command.ts";
import {
  type Decision,
  decisionExitCode,
  decisionText,
  parseDecision,
  verifyDecision,
} from "../../reports/gate/decision.ts";
import { greenwave } from "../../reports/gate/greenwave.ts";
import { knownFailuresSchema } from "../../reports/gate/known-failures.ts";
import { policySchema, usualDeviations } from "../../reports/gate/policy.ts";
import { decide } from "../../reports/gate/verdict.ts";
import { type SmallRun, smallRun } from "../golden/gate-runs.ts";
import { at, digest } from "../golden/report-events.ts";

const now = new Date("2026-11-21T12:00:00Z");
const required = ["boot/health", "bootc/upgrade-rollback"];
const green: SmallRun = { fates: { "boot/health": "passed", "bootc/upgrade-rollback": "passed" } };

interface Case {
  readonly runs?: readonly SmallRun[];
  readonly policy?: object;
  readonly known?: object[];
  readonly previous?: SmallRun;
}

const judge = ({ runs = [green], policy = {}, known = [], previous }: Case): Decision =>
  decide({
    runs: runs.map(smallRun),
    policy: policySchema.parse({ version: 1, require: [{ scenarios: required }], ...policy }),
    known: knownFailuresSchema.parse({ version: 1, failures: known }),
    ...(previous === undefined ? {} : { previous: smallRun(previous).model }),
    now,
  });

const deviation =
  (id: string, text: string) =>
  (job: string): RunEvent[] => [{ type: "deviation", at: at(1), job, id, text }];
const measure =
  (name: string, ...values: number[]) =>
  (job: string): RunEvent[] =>
    values.map((value) => ({ type: "measure", at: at(1), job, name, value }));
const one = (fate: SmallRun["fates"][string]): SmallRun => ({
  fates: { "boot/health": fate, "bootc/upgrade-rollback": "passed" },
});
const panic = {
  scenario: "boot/health",
  pattern: "Kernel panic - not syncing",
  tracker: "https://example.org/issues/7",
  until: "2026-12-31",
};
const waiver = {
  scenario: "boot/health",
  by: "qa",
  until: "2026-12-01",
  reason: "runner-7 is bad",
};
const timed = (...seconds: number[]): SmallRun => ({
  ...green,
  more: measure("reboot.seconds", ...seconds),
});

const promoted: Record<string, Case> = {
  "all passed": {},
  "allowed deviations": {
    runs: [{ ...green, more: deviation("stand-in:bootc", "bootc is a stand-in") }],
    policy: { deviations: { allow: ["stand-in:*"] } },
  },
  "a flake that the policy lets pass": { runs: [one("flaky")], policy: { flaky: "promote" } },
  "a known failure": { runs: [one("failed")], known: [panic] },
  "a waived failure": { runs: [one("failed")], policy: { waivers: [waiver] } },
  "a waived gap": { runs: [one("not-run")], policy: { waivers: [waiver] } },
  "a failure of what is not required": {
    runs: [{ fates: { ...green.fates, "dnf/install": "failed" } }],
  },
  "kept budgets": {
    runs: [timed(30, 34)],
    previous: timed(30),
    policy: { budgets: { reboot: { seconds: 40, ratio: 1.2 } } },
  },
  "a ratio without a promoted run": {
    runs: [timed(30)],
    policy: { budgets: { reboot: { ratio: 1.2 } } },
  },
  "another accelerator than the promoted run's": {
    runs: [timed(90)],
    previous: {
      ...timed(30),
      head: { host: { ...smallRun(green).model.host, accelerator: "kvm" } },
    },
    policy: { budgets: { reboot: { ratio: 1.2 } } },
  },
  "a skip beside a pass, where the firmware is open": {
    runs: [
      green,
      {
        run: "bios",
        fates: { "boot/health": "skipped" },
        facts: {
          id: "boot/health@qemu-x86_64-bios",
          machine: { driver: "qemu", architecture: "x86_64", firmware: "bios" },
        },
      },
    ],
  },
};

const held: Record<string, [Case, Decision["because"], RegExp]> = {
  "the image failed": [
    { runs: [one("failed")] },
    "image",
    /^boot\/health on x86_64, uefi failed: Guest 'v2' did not boot/,
  ],
  "the host broke": [
    { runs: [one("broken")] },
    "cannot-tell",
    /could not be judged: The ssh connection/,
  ],
  "a required scenario was not planned": [
    { runs: [{ fates: { "boot/health": "passed" } }] },
    "cannot-tell",
    /^bootc\/upgrade-rollback is required and was not run$/,
  ],
  "a required scenario was skipped": [
    { runs: [one("skipped")] },
    "cannot-tell",
    /is required and was skipped: it needs an image for 'previous'/,
  ],
  "the deadline came first": [
    { runs: [{ ...one("not-run"), stopped: "The run's deadline is near." }] },
    "cannot-tell",
    /is required and was not run: The run's deadline is near/,
  ],
  "the run was killed": [
    { runs: [{ ...green, killed: true }] },
    "cannot-tell",
    /has no end: it was killed or still goes on/,
  ],
  "a job was cut off": [{ runs: [{ ...one("open"), killed: true }] }, "cannot-tell", /interrupted/],
  "one point of the matrix is missing": [
    { policy: { require: [{ scenarios: ["boot/health"], firmware: ["uefi", "bios"] }] } },
    "cannot-tell",
    /^boot\/health on bios is required and was not run$/,
  ],
  "another architecture is required": [
    { policy: { require: [{ scenarios: ["boot/health"], architectures: ["aarch64"] }] } },
    "cannot-tell",
    /^boot\/health on aarch64 is required/,
  ],
  "another image is required": [
    { policy: { require: [{ scenarios: ["boot/health"], images: ["silverblue:*"] }] } },
    "cannot-tell",
    /^boot\/health on silverblue:\* is required/,
  ],
  "a flake": [{ runs: [one("flaky")] }, "cannot-tell", /is flaky, it passed only when tried again/],
  "a failure that was run again until it passed": [
    { runs: [one("failed"), { ...one("passed"), run: "again", startedAt: 7200 }] },
    "cannot-tell",
    /is flaky/,
  ],
  "a pass that failed in a second run": [
    { runs: [one("passed"), { ...one("failed"), run: "again", startedAt: 7200 }] },
    "cannot-tell",
    /is flaky/,
  ],
  "a known failure whose time is over": [
    { runs: [one("failed")], known: [{ ...panic, until: "2026-11-20" }] },
    "image",
    /\(it was known until 2026-11-20, which is over: https:\/\/example.org\/issues\/7\)$/,
  ],
  "a known failure under a strict policy": [
    { runs: [one("failed")], known: [panic], policy: { knownFailures: "hold" } },
    "image",
    /the policy holds for known failures/,
  ],
  "a waiver that has ended": [
    { runs: [one("failed")], policy: { waivers: [{ ...waiver, until: "2026-11-20" }] } },
    "image",
    /\(the waiver by qa ended on 2026-11-20\)$/,
  ],
  "a waiver of another step": [
    { runs: [one("failed")], policy: { waivers: [{ ...waiver, step: "another" }] } },
    "image",
    /failed/,
  ],
  "a deviation that is not allowed": [
    {
      runs: [
        { ...green, more: deviation("simulated", "The guest is simulated: no image was booted.") },
      ],
    },
    "cannot-tell",
    /does not allow the deviation 'simulated' \(2 jobs\): The guest is simulated/,
  ],
  "a budget in seconds": [
    { runs: [timed(30, 61)], policy: { budgets: { reboot: { seconds: 60 } } } },
    "image",
    /^budget: reboot on x86_64, uefi took 61.0 s, the budget is 60.0 s$/,
  ],
  "a budget against the promoted run": [
    {
      runs: [timed(40, 44)],
      previous: timed(30),
      policy: { budgets: { reboot: { ratio: 1.2 } } },
    },
    "image",
    /1.40 times the last promoted run's 30.0 s; 1.2 times is the budget$/,
  ],
  "a budget that nothing measured": [
    { policy: { budgets: { install: { seconds: 60 } } } },
    "cannot-tell",
    /install on x86_64, uefi was not measured/,
  ],
  "too few passed": [
    { policy: { minimumPassed: 3 } },
    "cannot-tell",
    /2 required jobs passed, the policy wants 3/,
  ],
  "everything was excused": [
    {
      runs: [{ fates: { "boot/health": "failed" } }],
      policy: { require: [{ scenarios: ["boot/health"] }], waivers: [waiver] },
    },
    "cannot-tell",
    /nothing that is required passed/,
  ],
};

test.each(Object.entries(promoted))("promotes with %s", (_, given) => {
  const decision = judge(given);
  expect(decision.unsatisfied).toEqual([]);
  expect([decision.verdict, decision.because, decisionExitCode(decision)]).toEqual([
    "PROMOTE",
    null,
    0,
  ]);
});

test.each(Object.entries(held))("holds: %s", (_, [given, because, reason]) => {
  const decision = judge(given);
  expect(decision.verdict).toBe("HOLD");
  expect(decision.reasons[0]).toMatch(reason);
  expect([decision.because, decisionExitCode(decision)]).toEqual([
    because,
    because === "image" ? 1 : 3,
  ]);
});

describe("the decision", () => {
  test("puts the image's fault before what we cannot tell", () => {
    const decision = judge({
      runs: [{ fates: { "boot/health": "broken", "bootc/upgrade-rollback": "failed" } }],
    });
    expect(decision.because).toBe("image");
    expect(decision.reasons.map((line) => line.split(" ")[0])).toEqual([
      "bootc/upgrade-rollback",
      "boot/health",
      "nothing",
    ]);
  });

  test("keeps the true outcome beside an excuse", () => {
    const decision = judge({ runs: [one("failed")], known: [panic] });
    expect(decision.knownFailures).toMatchObject([{ trueOutcome: "failed", expired: false }]);
    expect(decision.counts).toMatchObject({ passed: 1, failed: 1 });
    expect(decision.satisfied[0]).toMatchObject({ type: "test-result-failed", excuse: "known" });
  });

  test("does not count an excuse as a pass", () => {
    const decision = judge({ runs: [one("failed")], known: [panic], policy: { minimumPassed: 2 } });
    expect(decision.reasons).toEqual(["1 required jobs passed, the policy wants 2"]);
  });

  test("says what was not required", () => {
    const decision = judge(promoted["a failure of what is not required"] ?? {});
    expect(decision.notes).toEqual(["not required: dnf/install failed"]);
  });

  test("says which budgets were not compared", () => {
    expect(judge(promoted["a ratio without a promoted run"] ?? {}).notes[0]).toMatch(
      /no promoted run/,
    );
    const other = judge(promoted["another accelerator than the promoted run's"] ?? {});
    expect(other.notes[0]).toMatch(/another accelerator \(kvm\)/);
  });

  test("does not let the guest write a reason", () => {
    const text = "x\u001b[2J\nPROMOTE\n::error::owned ##vso[task.complete] <b>";
    const hostile = smallRun(one("failed"));
    const error = { type: "BootFailed", headline: text, message: text };
    for (const job of hostile.model.jobs)
      if (job.outcome.kind === "failed") job.outcome.error = error;
    const decision = decide({
      runs: [hostile],
      policy: policySchema.parse({ version: 1, require: [{ scenarios: required }] }),
      known: { version: 1, failures: [] },
      now,
    });
    expect(decision.verdict).toBe("HOLD");
    const printed = verdictText(decision, "decision.json");
    expect(printed.split("\n")[0]).toMatch(/^HOLD: boot\/health .*PROMOTE/);
    expect(printed).not.toMatch(/^\s*::|##vso|\u001b|^PROMOTE/m);
  });

  test("caps what it prints and keeps the rest", () => {
    const fates = Object.fromEntries(
      Array.from({ length: 80 }, (_, n) => [`s/${n}`, "failed" as const]),
    );
    const decision = judge({
      runs: [{ fates }],
      policy: { require: [{ scenarios: Object.keys(fates) }] },
    });
    expect(decision.reasons).toHaveLength(51);
    expect(decision.reasons.at(-1)).toBe("31 more are in decision.json");
    expect(decision.unsatisfied).toHaveLength(81);
  });
});

describe("runs that cannot be judged together", () => {
  const image = (name: string, mark: string, architecture = "x86_64") => ({
    facts: { images: { candidate: { name, digest: digest(mark), architecture, standIns: [] } } },
  });
  const other = { ...green, run: "other" };
  test.each<[string, SmallRun[], RegExp]>([
    ["none", [], /no run to decide on/],
    ["the same twice", [green, green], /is given twice/],
    [
      "two candidates",
      [green, { ...other, ...image("reference:v3", "3") }],
      /different candidates for x86_64/,
    ],
    [
      "two versions",
      [green, { ...other, head: { harness: "0.2.0" } }],
      /different versions of the harness: 0.1.0, 0.2.0/,
    ],
    ["no candidate", [{ ...green, facts: { images: {} } }], /No job of these runs has a candidate/],
  ])("%s", (_, runs, expected) => {
    expect(() => judge({ runs })).toThrow(expected);
  });
  test("one digest for each architecture is one candidate", () => {
    const arm = { ...other, ...image("reference:v2", "4", "aarch64") };
    expect(judge({ runs: [green, arm] }).candidates).toHaveLength(2);
  });
  test("a policy that names two images may have two", () => {
    const runs = [green, { ...other, ...image("iot:v2", "5") }];
    const policy = { require: [{ scenarios: required, images: ["reference:*", "iot:*"] }] };
    expect(judge({ runs, policy }).verdict).toBe("PROMOTE");
    const third = { ...other, run: "third", ...image("iot:v3", "6") };
    expect(() => judge({ runs: [...runs, third], policy })).toThrow(/different candidates/);
  });
});

describe("decision.json", () => {
  const decision = judge({});
  test("is read back as it was written", () => {
    expect(parseDecision(decisionText(decision), "d.json")).toEqual(decision);
  });
  test.each([
    ["{", /'d.json' is not JSON/],
    ['{"version":2}', /not a decision of version 1/],
    [JSON.stringify({ ...decision, because: "image" }), /contradicts itself/],
    [
      decisionText(judge({ runs: [one("failed")] })).replace('"HOLD"', '"PROMOTE"'),
      /contradicts itself/,
    ],
  ])("is refused when it is not one", (text, expected) => {
    expect(() => parseDecision(text, "d.json")).toThrow(expected);
  });

  const run = decision.runs[0]?.run ?? "";
  const files = (mark: string, name = run) => [{ run: name, digest: digest(mark) }];
  test("stands on the logs that were judged", () => {
    expect(() => verifyDecision(decision, files("e"))).not.toThrow();
    expect(() => verifyDecision(decision, files("f"))).toThrow(/were changed since/);
    expect(() => verifyDecision(decision, files("e", "x"))).toThrow(
      /'x' is not in the decision[^]*is missing/,
    );
    expect(() => verifyDecision(decision, [])).toThrow(/is missing/);
    expect(() => verifyDecision(decision, [], { complete: false })).not.toThrow();
    expect(() => verifyDecision(decision, files("f"), { complete: false })).toThrow(
      /changed since/,
    );
  });
});

describe("golden files", () => {
  const all = [
    ...Object.entries(promoted).map(([name, given]) => [name, judge(given)] as const),
    ...Object.entries(held).map(([name, [given]]) => [name, judge(given)] as const),
  ];
  test("what a person reads, for a promotion and each kind of hold", async () => {
    const text = all.map(
      ([name, decision]) => `# ${name}\n${verdictText(decision, "decision.json")}`,
    );
    await expect(text.join("\n")).toMatchFileSnapshot("../golden/gate-verdicts.txt");
  });
  test("decision.json of a promotion", async () => {
    const more = deviation("tcg", "The processor is emulated.");
    await expect(decisionText(judge({ runs: [{ ...green, more }] }))).toMatchFileSnapshot(
      "../golden/gate-promote.json.txt",
    );
  });
  const hold = judge({
    runs: [{ fates: { "boot/health": "failed", "bootc/upgrade-rollback": "flaky" } }],
    known: [{ ...panic, until: "2026-11-01" }],
  });
  test("decision.json of a hold", async () => {
    await expect(decisionText(hold)).toMatchFileSnapshot("../golden/gate-hold.json.txt");
  });
  test("Greenwave's answer", async () => {
    await expect(greenwave(hold)).toMatchFileSnapshot("../golden/gate-greenwave.json.txt");
  });
});

test("Greenwave's summaries", () => {
  const summary = (given: Case) => JSON.parse(greenwave(judge(given))).summary as string;
  expect(summary({})).toBe("All required tests passed for sha256:222222222222");
  expect(summary({ runs: [one("failed")] })).toMatch(/^Of 2 required tests, 1 test failed/);
  expect(summary({ runs: [one("not-run")] })).toMatch(/1 result missing/);
  const waived = JSON.parse(greenwave(judge(promoted["a waived failure"] ?? {})));
  expect(waived.satisfied_requirements[0].type).toBe("test-result-failed-waived");
});

test("a simulated guest or a stand-in is never usual", () => {
  expect(usualDeviations.filter((id) => /simulated|stand-in|\*/.test(id))).toEqual([]);
});
