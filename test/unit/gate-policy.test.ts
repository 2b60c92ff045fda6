import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { parseYaml } from "../../harness/config/load-yaml.ts";
import { nearestWord } from "../../harness/config/nearest.ts";
import {
  knownFailuresJsonSchema,
  knownFailuresSchema,
} from "../../harness/gate/known/known-failures.ts";
import {
  type CandidateFacts,
  checkKnown,
  checkPolicy,
  type ScenarioFacts,
} from "../../harness/gate/policy/check-policy.ts";
import {
  cellsOf,
  defaultPolicy,
  policyDigest,
  policyJsonSchema,
  policySchema,
} from "../../harness/gate/policy/policy.ts";
import { decisionJsonSchema } from "../../harness/gate/verdict/decision.ts";

const now = new Date("2026-11-21T12:00:00Z");
const scenarios: ScenarioFacts[] = [
  { id: "boot/health", needs: { images: ["candidate"] } },
  { id: "boot/esp", needs: { images: ["candidate"], firmware: ["uefi"] } },
  {
    id: "bootc/upgrade-rollback",
    needs: { images: ["candidate", "previous"], boots: ["previous"], publishes: ["candidate"] },
    measures: ["upgrade.seconds", "reboot.seconds"],
  },
];
const images: CandidateFacts[] = [
  { name: "silverblue:45", architecture: "x86_64", hasDisk: true, hasOci: false },
  { name: "iot:45", architecture: "aarch64", hasDisk: false, hasOci: true },
];

const policy = (more: object = {}) =>
  policySchema.parse({ version: 1, require: [{ scenarios: ["boot/health"] }], ...more });
const waiver = (more: object = {}) => ({
  scenario: "boot/health",
  by: "qa",
  until: "2026-12-01",
  reason: "broken board",
  ...more,
});
const check = (more: object, known: CandidateFacts[] = images) => {
  try {
    checkPolicy(
      policy(more),
      { scenarios, images: known, now, nearest: nearestWord },
      "'gate.yaml'",
    );
    return null;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.message;
  }
};

test("a bare disk under a policy that wants proved digests is refused before anything boots", () => {
  const proved = policy({ digests: "proved" });
  const words = /of 'silverblue:45' only the disk is given, and digests have to be proved/;
  const context = { scenarios, images, now, nearest: nearestWord };
  expect(() => checkPolicy(proved, context)).toThrow(words);
  expect(() => checkPolicy(policy(), context)).not.toThrow(words);
});

describe("the file", () => {
  const refused = (text: string): string => {
    try {
      parseYaml(text, "gate.yaml", policySchema);
      return "";
    } catch (error) {
      return error instanceof UsageError ? error.message : String(error);
    }
  };
  const require = "version: 1\nrequire:\n  - scenarios: [boot/health]\n";

  test.each([
    ["a typo", `${require}minimumPased: 2\n`, /gate.yaml:4:1: .*did you mean 'minimumPassed'/],
    ["no pass needed", `${require}minimumPassed: 0\n`, /4:16: .*expected 1 or more/],
    [
      "nothing required",
      "version: 1\nrequire: []\n",
      /'require' is an empty list: expected at least one requirement/,
    ],
    [
      "no scenario",
      "version: 1\nrequire:\n  - scenarios: []\n",
      /3:16: 'require\[0\].scenarios' is an empty list: expected at least one scenario$/,
    ],
    [
      "a list of no images",
      `${require}    images: []\n`,
      /expected at least one; to mean any image leave the key out$/,
    ],
    [
      "a waiver without an end",
      `${require}waivers:\n  - {scenario: boot/health, by: me, reason: why}\n`,
      /'waivers\[0\].until' is missing: expected the last day it counts, such as 2026-12-31; a waiver must end$/,
    ],
    [
      "an end that is not a date",
      `${require}waivers:\n  - {scenario: boot/health, by: me, reason: why, until: 2026-02-31}\n`,
      /expected the last day/,
    ],
    [
      "a budget of nothing",
      `${require}budgets:\n  boot: {}\n`,
      /expected a limit, a ratio or both/,
    ],
    [
      "a budget below zero",
      `${require}budgets:\n  boot: {ratio: -1}\n`,
      /'budgets.boot.ratio' is -1/,
    ],
    ["a ratio of zero", `${require}budgets:\n  boot: {ratio: 0}\n`, /'budgets.boot.ratio' is 0/],
    [
      "a budget without an end",
      `${require}budgets:\n  boot: {seconds: .inf}\n`,
      /'budgets.boot.seconds' is endless \(.inf\): expected a number of seconds above 0$/,
    ],
  ])("is refused for %s", (_, text, expected) => {
    expect(refused(text)).toMatch(expected);
  });

  test("has a digest that changes with it", () => {
    expect(policyDigest(policy())).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(policyDigest(policy())).not.toBe(policyDigest(policy({ flaky: "promote" })));
  });

  test("spreads its matrices, each point once", () => {
    const rule = { scenarios: ["boot/health"], firmware: ["uefi", "bios"] };
    const cells = cellsOf(policy({ require: [rule, rule, { scenarios: ["boot/esp"] }] }));
    expect(cells.map(({ scenario, firmware }) => [scenario, firmware])).toEqual([
      ["boot/health", "uefi"],
      ["boot/health", "bios"],
      ["boot/esp", null],
    ]);
  });
});

describe("the policy against itself and the scenarios", () => {
  test.each([
    ["a good one", {}],
    ["the whole of it", { waivers: [waiver()], minimumPassed: 6, budgets: { boot: { ratio: 1 } } }],
    ["an ended waiver, which the verdict weighs", { waivers: [waiver({ until: "2026-11-20" })] }],
    [
      "an image of another run beside one of this run",
      { require: [{ scenarios: ["boot/health"], images: ["silverblue:45", "kinoite:45"] }] },
    ],
    ["an ended waiver and its successor", { waivers: [waiver({ until: "2026-11-20" }), waiver()] }],
    ["a waiver on its last day", { waivers: [waiver({ until: "2026-11-21" })] }],
    [
      "a cell that one image can run",
      { require: [{ scenarios: ["bootc/upgrade-rollback"], images: ["*:45"] }] },
    ],
  ])("passes %s", (_, more) => {
    expect(check(more)).toBeNull();
  });

  test("passes the built-in one", () => {
    const built = defaultPolicy(scenarios.map(({ id }) => id));
    expect(() =>
      checkPolicy(built, { scenarios, images, now, nearest: nearestWord }),
    ).not.toThrow();
  });

  test.each([
    [
      "an unknown scenario",
      { require: [{ scenarios: ["boot/helth"] }] },
      /'boot\/helth' is required and there is no such scenario; did you mean 'boot\/health'\?/,
    ],
    [
      "an unknown image",
      { require: [{ scenarios: ["boot/health"], images: ["silverblu:45"] }] },
      /'silverblu:45' is required and this run has silverblue:45, iot:45; did you mean 'silverblue/,
    ],
    [
      "firmware that the scenario is not about",
      { require: [{ scenarios: ["boot/esp"], firmware: ["uefi", "bios"] }] },
      /'boot\/esp on bios' is required and is skipped on every image: the scenario is about uefi/,
    ],
    [
      "an image without a disk",
      { require: [{ scenarios: ["boot/health"], images: ["iot:*"] }] },
      /'boot\/health on iot:\*' .* no image has an installed disk/,
    ],
    [
      "an image that no registry can serve",
      { require: [{ scenarios: ["bootc/upgrade-rollback"], images: ["silverblue:45"] }] },
      /no image has an OCI image/,
    ],
    [
      "an architecture without an image",
      {
        require: [
          { scenarios: ["boot/health"], images: ["silverblue:45"], architectures: ["aarch64"] },
        ],
      },
      /no image is for aarch64/,
    ],
    [
      "a waiver for another image",
      {
        require: [{ scenarios: ["boot/health"], images: ["silverblue:45"] }],
        waivers: [waiver({ images: ["iot:*"] })],
      },
      /not required/,
    ],
    ["a waiver without end", { waivers: [waiver({ until: "2099-01-01" })] }, /is without end/],
    [
      "a waiver of nothing",
      { waivers: [waiver({ scenario: "boot/esp" })] },
      /'boot\/esp' by qa is for something that is not required/,
    ],
    [
      "a waiver outside the matrix",
      {
        require: [{ scenarios: ["boot/health"], firmware: ["uefi"] }],
        waivers: [waiver({ firmware: ["bios"] })],
      },
      /not required/,
    ],
    ["more passes than jobs", { minimumPassed: 19 }, /19 jobs must pass and at most 18 are req/],
    [
      "a budget that only ever shrinks",
      {
        require: [{ scenarios: ["bootc/upgrade-rollback"] }],
        budgets: { reboot: { ratio: 0.9 } },
      },
      /beat the last one/,
    ],
    [
      "a budget for what nothing measures",
      { budgets: { install: { seconds: 600 } } },
      /'install' is for what no required scenario measures; no scenario measures it yet/,
    ],
    [
      "a budget for what only other scenarios measure",
      { budgets: { reboot: { ratio: 1.2 } } },
      /'reboot' is for what no .* measures; require one of bootc\/upgrade-rollback/,
    ],
    ["any deviation", { deviations: { allow: ["*"] } }, /'\*' allows a simulated guest/],
    ["simulated guests", { deviations: { allow: ["fork", "*late*"] } }, /'\*late\*' allows a sim/],
  ])("refuses %s", (_, more, expected) => {
    expect(check(more)).toMatch(expected);
  });

  test("tells everything at once", () => {
    const message = check({
      require: [{ scenarios: ["boot/helth", "boot/health"] }],
      waivers: [waiver({ until: "2099-01-01" })],
      minimumPassed: 100,
    });
    expect(message).toMatch(/^'gate.yaml' cannot be used, 3 things/);
    expect(message?.split("\n")).toHaveLength(4);
  });

  test("knows nothing of disks where no image is known", () => {
    expect(check({ require: [{ scenarios: ["boot/health"], images: ["any"] }] }, [])).toBeNull();
  });
});

describe("the list of known failures", () => {
  const entry = {
    scenario: "boot/health",
    pattern: "Kernel panic - not syncing",
    tracker: "https://example.org/1",
    until: "2026-12-01",
  };
  const checkList = (failures: object[]): void =>
    checkKnown(knownFailuresSchema.parse({ version: 1, failures }), {
      scenarios,
      now,
      nearest: nearestWord,
    });

  test("passes with an expired entry: that is the verdict's to say", () => {
    expect(() => checkList([{ ...entry, until: "2020-01-01" }])).not.toThrow();
  });
  test.each([
    ["an unknown scenario", [{ ...entry, scenario: "boot/healt" }], /did you mean 'boot\/health'/],
    ["an excuse without end", [{ ...entry, until: "2090-01-01" }], /is without end/],
    ["the same twice", [entry, { ...entry, tracker: "https://example.org/2" }], /listed twice/],
  ])("is refused for %s", (_, failures, expected) => {
    expect(() => checkList(failures)).toThrow(expected);
  });
});

test.each([
  ["policy", policyJsonSchema],
  ["decision", decisionJsonSchema],
  ["known-failures", knownFailuresJsonSchema],
])("docs/schema/%s.schema.json is fresh", async (name, schema) => {
  await expect(schema()).toMatchFileSnapshot(`../../docs/schema/${name}.schema.json`);
});
