/** The harness as a Konflux or GitLab pod runs it, with this host's root file system in the place of the image's. */
import { chmod, cp, mkdir, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { asRoot, runAsRoot } from "../../images/reference/privileged.ts";
import { bootgate, root } from "../contract/support/command.ts";
import { eventsOf } from "../vm/command-line.ts";

/** In no /etc/passwd, as OpenShift chooses them; small enough for a user namespace. */
const uid = "54321";
const { signal } = new AbortController();
let work = "";

/** The images of the reference OS come along: there is no network to build them with. */
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "bootgate-pod-"));
  await chmod(work, 0o755);
  const inspected = await bootgate(["images", "inspect", "reference:v2", "--json"]);
  expect(inspected.code, inspected.stderr).toBe(0);
  const { oci } = JSON.parse(inspected.stdout) as { oci: { layout: string } };
  const built = dirname(oci.layout);
  const slot = join(work, "home/cache/bootgate/reference", basename(built));
  await mkdir(join(slot, "disks"), { recursive: true });
  for (const name of ["oci", "reference.json"])
    await cp(join(built, name), join(slot, name), { recursive: true });
});
afterAll(() => runAsRoot("rm", ["-rf", "--one-file-system", work], { signal }));

async function inPod(...args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const spaces = ["--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts"];
  const start = join(root, "harness/setup/start.js");
  const pod = ["sh", join(import.meta.dirname, "pod.sh"), work, uid];
  const [file, words] = await asRoot("unshare", [
    ...[...spaces, ...pod, "sh", "-c", 'cd "$XDG_CACHE_HOME/.." && exec "$@"', "sh"],
    ...[process.execPath, start, ...args],
  ]);
  const timeoutMs = 35 * 60_000;
  const { exitCode, stdout, stderr } = await attemptCommand(file, words, { signal, timeoutMs });
  return { code: exitCode, output: `${stdout}\n${stderr}` };
}

test("`doctor` finds the pod fit, by emulation", async () => {
  const { code, output } = await inPod("doctor");
  expect(code, output).toBe(0);
  expect(output).toMatch(/^ok +accelerator +tcg: \/dev\/kvm is missing/m);
  expect(output).toMatch(/^ok +user namespaces /m);
});

test("an image is installed, booted and judged", async () => {
  const { code, output } = await inPod("run", "boot/health", "--candidate", "reference:v2");
  expect(code, output.slice(-3000)).toBe(0);
  const run = join(work, "home/runs/latest");
  const jobs = eventsOf(run).filter((event) => event.type === "job-ended");
  expect(jobs.map(({ outcome }) => outcome.kind)).toEqual(["passed"]);
  expect(await readFile(join(run, "summary.txt"), "utf8")).toMatch(/^passed +boot\/health/m);
});
