/** The ready CI files can promote: the words that they give to bootgate, in the real plan, verdict and promotion. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { usualDeviations } from "../../harness/base/deviations.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { parseYaml } from "../../harness/config/load-yaml.ts";
import { type Policy, policySchema } from "../../harness/gate/policy/policy.ts";
import type { JobFacts } from "../../harness/log/events.ts";
import { type Checkout, checkoutOf, leaveRun, starts } from "./ci-checkout.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await createWorkspace("cipolicy");
});
afterEach(() => workspace[Symbol.asyncDispose]());

const wordAfter = (words: readonly string[], option: string): string =>
  words.includes(option) ? (words[words.indexOf(option) + 1] ?? "") : `no ${option}`;

/** The plan of exactly the run that the file starts. */
async function planOf({ bootgate, words }: Checkout, more: readonly string[] = []) {
  const { exitCode, stdout, stderr } = await bootgate(["plan", ...words("run"), ...more, "--json"]);
  const jobs = exitCode === 0 ? (JSON.parse(stdout) as JobFacts[]) : [];
  return { exitCode, stderr, jobs };
}

async function policyOf({ path }: Checkout, name: string): Promise<Policy> {
  return parseYaml(await readFile(join(path, name), "utf8"), name, policySchema);
}

const requiredBy = (policy: Policy): string[] =>
  policy.require.flatMap(({ scenarios }) => scenarios);
/** With the image and a registry of this host in place of those that do not exist. */
function promote({ bootgate, words }: Checkout) {
  const at: Record<string, string> = {
    "--from": "oci:candidate:candidate",
    "--to": "127.0.0.1:1/os:stable",
  };
  const local = words("promote").map((word, place, all) => at[all[place - 1] ?? ""] ?? word);
  return bootgate(["promote", ...local, "--tls-verify=false"]);
}
const judge = ({ bootgate, words }: Checkout) => bootgate(["verdict", ...words("verdict")]);

describe.each(Object.keys(starts))("%s", (name) => {
  test("can run what its policy requires, promotes it green and holds it when one is missing", async () => {
    const checkout = await checkoutOf(name, workspace.path);
    const { exitCode, stderr, jobs } = await planOf(checkout);
    expect([exitCode, stderr]).toEqual([0, ""]);
    const named = wordAfter(checkout.words("run"), "--policy");
    const required = requiredBy(await policyOf(checkout, named));
    const skipped = jobs.flatMap(({ scenario, skip }) =>
      required.includes(scenario) && skip !== undefined ? [`${scenario}: ${skip}`] : [],
    );
    expect(skipped).toEqual([]);
    expect(jobs.map(({ scenario }) => scenario)).toEqual(expect.arrayContaining(required));

    await leaveRun(checkout, jobs);
    const promoted = await judge(checkout);
    expect(promoted.stdout).toMatch(/^PROMOTE oci:candidate:candidate sha256:\w+: 4 required/);
    expect(promoted.exitCode).toBe(0);

    // The promotion judges by the policy that it is given itself, and only then asks a registry, here one that is none.
    const unreachable = await promote(checkout);
    expect(unreachable.stderr).not.toMatch(/policy|evidence/);
    expect(unreachable.exitCode).toBe(3);

    const [missing = ""] = required;
    await leaveRun(checkout, jobs, { [missing]: "not-run" });
    const held = await judge(checkout);
    expect(held.stdout).toMatch(/^HOLD: bootc\/upgrade-rollback .*is required and was not run/);
    expect(held.exitCode).toBe(3);
  });
});

describe("gate.yaml", () => {
  const ready = () => checkoutOf("tekton-task.yaml", workspace.path);

  test("allows what always differs and the changed origin, and no stand-in", async () => {
    const { deviations, minimumPassed, ...policy } = await policyOf(
      await ready(),
      "docs/ci/gate.yaml",
    );
    expect([...deviations.allow].sort()).toEqual([...usualDeviations].sort());
    const required = policy.require.flatMap(({ scenarios }) => scenarios);
    expect(minimumPassed).toBe(required.length);
  });

  test("leaves out nothing that a candidate without a disk can prove", async () => {
    const checkout = await ready();
    const { jobs } = await planOf(checkout);
    const runnable = jobs.filter(({ skip }) => skip === undefined).map(({ scenario }) => scenario);
    const required = requiredBy(await policyOf(checkout, "docs/ci/gate.yaml"));
    expect([...required].sort()).toEqual(runnable.sort());
    const readme = await readFile(join(checkout.path, "docs/ci/README.md"), "utf8");
    const rows = readme.split("\n").filter((line) => /^\| `\w+\/[\w-]+`/.test(line));
    const told = (word: string): string[] =>
      rows
        .filter((row) => row.split("|")[2]?.includes(word))
        .flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`(.+?)`/g)].map(([, id]) => id))
        .map(String)
        .sort();
    expect(told("proved")).toEqual(runnable.sort());
    const others = jobs.map(({ scenario }) => scenario).filter((id) => !runnable.includes(id));
    expect(told("skipped")).toEqual(others.sort());
  });

  test("that requires what would be skipped is refused before anything boots", async () => {
    const checkout = await ready();
    const path = join(checkout.path, "docs/ci/gate.yaml");
    const text = await readFile(path, "utf8");
    await writeFile(
      path,
      text.replace("    scenarios:\n", "").replace("- bootc/switch", "- boot/health"),
    );
    const { exitCode, stderr } = await planOf(checkout);
    expect(stderr).toMatch(/'boot\/health' is required and is skipped on every image/);
    expect(exitCode).toBe(2);
  });

  test("is needed: without it a green run of these files is held", async () => {
    const checkout = await ready();
    await leaveRun(checkout, (await planOf(checkout)).jobs);
    const { exitCode, stdout } = await checkout.bootgate(["verdict", "runs/latest"]);
    expect(stdout).toMatch(/^HOLD: boot\/health .*is required and was skipped/);
    expect(exitCode).toBe(3);
  });

  test("holds for a stand-in in the previous image", async () => {
    const checkout = await ready();
    const { jobs } = await planOf(checkout);
    await leaveRun(checkout, jobs, {}, ["stand-in:bootc"]);
    const { exitCode, stdout } = await judge(checkout);
    expect(stdout).toMatch(/does not allow the deviation 'stand-in:bootc'/);
    expect(exitCode).toBe(3);
  });

  test("a previous image that is a disk file only leaves nothing to run", async () => {
    const checkout = await ready();
    const words = ["--candidate", "oci:candidate:candidate", "--previous", "./previous.disk"];
    const { stdout } = await checkout.bootgate(["plan", ...words, "--json"]);
    const jobs = JSON.parse(stdout) as JobFacts[];
    expect(jobs.filter(({ skip }) => skip === undefined)).toEqual([]);
  });
});

describe("the fan-out of the same words", () => {
  const fanOut = async (format: string, drop: readonly string[] = []) => {
    const { bootgate, words } = checkout;
    const given = words("run").filter(
      (word, place, all) => !drop.includes(word) && !drop.includes(all[place - 1] ?? ""),
    );
    return bootgate(["plan", ...given, "--format", format]);
  };
  let checkout: Checkout;
  beforeEach(async () => {
    checkout = await checkoutOf("tekton-task.yaml", workspace.path);
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
