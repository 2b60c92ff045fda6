/** The ready CI files can promote: the words that they give to bootgate, in the real plan, verdict and promotion. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { usualDeviations } from "../../harness/base/deviations.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { parseYaml } from "../../harness/config/load-yaml.ts";
import { type Policy, policySchema } from "../../harness/gate/policy/policy.ts";
import type { JobFacts } from "../../harness/log/events.ts";
import {
  type Checkout,
  checkoutOf,
  type ImagesAtRegistry,
  leaveRun,
  startImages,
  starts,
  tinyDisk,
} from "./ci-checkout.ts";

let images: ImagesAtRegistry;
beforeAll(async () => {
  images = await startImages();
});
afterAll(() => images[Symbol.asyncDispose]());
let workspace: Workspace;
beforeEach(async () => {
  workspace = await createWorkspace("cipolicy");
});
afterEach(() => workspace[Symbol.asyncDispose]());

const wordAfter = (words: readonly string[], option: string): string =>
  words.includes(option) ? (words[words.indexOf(option) + 1] ?? "") : `no ${option}`;

/** The registry of these tests has no TLS. */
const plainHttp = ["--tls-verify", "false"];

/** The plan of exactly the run that the file starts. */
async function planOf({ bootgate, words }: Checkout, more: readonly string[] = []) {
  const given = [...words("run"), ...more, ...plainHttp, "--json"];
  const { exitCode, stdout, stderr } = await bootgate(["plan", ...given]);
  const jobs = exitCode === 0 ? (JSON.parse(stdout) as JobFacts[]) : [];
  return { exitCode, stderr, jobs };
}

async function policyOf({ path }: Checkout, name: string): Promise<Policy> {
  return parseYaml(await readFile(join(path, name), "utf8"), name, policySchema);
}

const requiredBy = (policy: Policy): string[] =>
  policy.require.flatMap(({ scenarios }) => scenarios);
const promote = ({ bootgate, words }: Checkout) =>
  bootgate(["promote", ...words("promote"), "--tls-verify=false"]);
const judge = ({ bootgate, words }: Checkout) => bootgate(["verdict", ...words("verdict")]);

describe.each(Object.keys(starts))("%s", (name) => {
  test("can run what its policy requires, promotes it green and holds it when one is missing", async () => {
    const tag = `stable-${name.split(".")[0]}`;
    const promoteTo = images.inputs.promoteTo.replace(/stable$/, tag);
    const checkout = await checkoutOf(name, workspace.path, { ...images.inputs, promoteTo });
    const { exitCode, stderr, jobs } = await planOf(checkout);
    expect([exitCode, stderr]).toEqual([0, expect.not.stringMatching(/skipped|refused/)]);
    const named = wordAfter(checkout.words("run"), "--policy");
    const required = requiredBy(await policyOf(checkout, named));
    const skipped = jobs.flatMap(({ scenario, skip }) =>
      required.includes(scenario) && skip !== undefined ? [`${scenario}: ${skip}`] : [],
    );
    expect(skipped).toEqual([]);
    expect(jobs.map(({ scenario }) => scenario)).toEqual(expect.arrayContaining(required));

    await leaveRun(checkout, jobs);
    const judged = await judge(checkout);
    expect(judged.stdout).toMatch(
      /^PROMOTE \S*127\.0\.0\.1:\d+\/os@sha256:\w+ sha256:\w+: 7 required/,
    );
    expect(judged.exitCode).toBe(0);

    expect(await images.digestOf(tag)).toBeNull();
    const promoted = await promote(checkout);
    expect([promoted.exitCode, promoted.stderr]).toEqual([0, ""]);
    expect(await images.digestOf(tag)).toBe(images.inputs.image.split("@")[1]);

    const [missing = ""] = required;
    await leaveRun(checkout, jobs, { [missing]: "not-run" });
    const held = await judge(checkout);
    expect(held.stdout).toMatch(/^HOLD: boot\/health .*is required and was not run/);
    expect(held.exitCode).toBe(3);
  });
});

describe("gate.yaml", () => {
  const ready = () => checkoutOf("tekton-task.yaml", workspace.path, images.inputs);

  test("allows what always differs, and no stand-in", async () => {
    const { deviations, minimumPassed, ...policy } = await policyOf(
      await ready(),
      "docs/ci/gate.yaml",
    );
    expect([...deviations.allow].sort()).toEqual([...usualDeviations].sort());
    const required = policy.require.flatMap(({ scenarios }) => scenarios);
    expect(minimumPassed).toBe(required.length);
  });

  test("requires the whole suite, and the README says truly what each form of candidate proves", async () => {
    const checkout = await ready();
    await writeFile(join(checkout.path, "os.raw"), tinyDisk());
    const reference = `docker://${images.inputs.image}`;
    const previous = ["--previous", `docker://${images.inputs.previous}`];
    const disk = ["--candidate", "./os.raw", "--architecture", "x86_64"];
    const forms = [
      ["--candidate", reference],
      [...disk, ...previous],
      [...disk, "--candidate-oci", reference],
    ];
    const readme = await readFile(join(checkout.path, "docs/ci/README.md"), "utf8");
    const rows = readme.split("\n").filter((line) => /^\| `\w+\/[\w-]+`/.test(line));
    for (const [place, words] of forms.entries()) {
      const planned = await checkout.bootgate(["plan", ...words, ...plainHttp, "--json"]);
      const jobs = JSON.parse(planned.stdout) as JobFacts[];
      const all = jobs.map(({ scenario }) => scenario).sort();
      const runs = jobs.filter(({ skip }) => skip === undefined).map(({ scenario }) => scenario);
      const told = rows
        .filter((row) => row.split("|")[place + 2]?.includes("proved"))
        .flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`(.+?)`/g)])
        .map(([, id]) => String(id));
      expect(told.sort()).toEqual(runs.sort());
      const required = requiredBy(await policyOf(checkout, "docs/ci/gate.yaml"));
      expect([...required].sort()).toEqual(all);
      if (place === 0) expect(runs).toEqual(all);
    }
  });

  test("is refused before anything boots where the candidate is only a disk", async () => {
    const checkout = await ready();
    await writeFile(join(checkout.path, "os.raw"), tinyDisk());
    const { exitCode, stderr } = await checkout.bootgate([
      ...["plan", "--candidate", "./os.raw", "--architecture", "x86_64"],
      ...["--policy", "docs/ci/gate.yaml"],
    ]);
    expect(stderr).toMatch(/'bootc\/upgrade-rollback' is required and/);
    expect(exitCode).toBe(2);
  });

  test("holds for a stand-in in the candidate", async () => {
    const checkout = await ready();
    const { jobs } = await planOf(checkout);
    await leaveRun(checkout, jobs, {}, ["stand-in:bootc"]);
    const { exitCode, stdout } = await judge(checkout);
    expect(stdout).toMatch(/does not allow the deviation 'stand-in:bootc'/);
    expect(exitCode).toBe(3);
  });

  test("without `derived-image` holds where the previous image was derived, and not where it was named", async () => {
    const strict = async (checkout: Checkout) => {
      const path = join(checkout.path, "docs/ci/gate.yaml");
      const text = await readFile(path, "utf8");
      await writeFile(path, text.replace("    - derived-image\n", ""));
      await leaveRun(checkout, (await planOf(checkout)).jobs);
      return judge(checkout);
    };
    const derived = await strict(await ready());
    expect(derived.stdout).toMatch(/does not allow the deviation 'derived-image'/);
    expect(derived.exitCode).toBe(3);
    const named = await strict(
      await checkoutOf("konflux-pipeline.yaml", join(workspace.path, "named"), images.inputs),
    );
    expect([named.exitCode, named.stdout]).toEqual([0, expect.stringMatching(/^PROMOTE /)]);
  });
});

describe("the fan-out of the same words", () => {
  const fanOut = async (format: string, drop: readonly string[] = []) => {
    const { bootgate, words } = checkout;
    const given = words("run").filter(
      (word, place, all) => !drop.includes(word) && !drop.includes(all[place - 1] ?? ""),
    );
    return bootgate(["plan", ...given, ...plainHttp, "--format", format]);
  };
  let checkout: Checkout;
  beforeEach(async () => {
    checkout = await checkoutOf("tekton-task.yaml", workspace.path, images.inputs);
  });

  test("gives the policy to GitLab's runs and to their verdict", async () => {
    const { stdout, exitCode } = await fanOut("gitlab");
    expect(exitCode).toBe(0);
    const { bootgate, "bootgate-verdict": verdict } = parse(stdout);
    expect(bootgate.script[0]).toMatch(/ --policy docs\/ci\/gate\.yaml --deadline 45m /);
    expect(verdict.script.at(-1)).toMatch(/ --policy docs\/ci\/gate\.yaml$/);
  });

  test("gives the policy to Tekton's runs and to their verdict", async () => {
    const [boot, verdict] = parse((await fanOut("tekton")).stdout);
    expect(boot.params[0].value.join(" ")).toMatch(
      / --policy docs\/ci\/gate\.yaml --deadline 45m$/,
    );
    expect(verdict.params[0].value).toEqual(["--policy", "docs/ci/gate.yaml"]);
  });

  test.each(["github", "forgejo"])("refuses for %s what a matrix cannot hold", async (format) => {
    const refused = await fanOut(format);
    expect(refused.stderr).toMatch(/^The matrix of --format \w+ holds shards and no options\./);
    expect(refused.stderr).toMatch(/given +--deadline, --policy\n.*`bootgate run` in the workflow/);
    expect([refused.exitCode, refused.stdout]).toEqual([2, ""]);
    const taken = await fanOut(format, ["--policy", "--deadline"]);
    expect(taken.exitCode).toBe(0);
    expect(JSON.parse(taken.stdout).include).toHaveLength(2);
  });
});
