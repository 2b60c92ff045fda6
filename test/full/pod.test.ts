/**
 * The harness's own container image, built and unpacked as the root file system of a pod: once as Konflux has it, for a user
 * whom nobody knows and without /dev/kvm, and once as GitLab has it, for the image's own user with a /dev/kvm.
 */
import { chmod, cp, mkdir, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exists } from "../../harness/base/exists.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { buildContainerImage, buildersOwn } from "../../harness/setup/container-image.ts";
import { blobPath, readOciImage } from "../../images/origins/oci-layout.ts";
import { asRoot, runAsRoot } from "../../images/reference/privileged.ts";
import { bootgate } from "../contract/support/command.ts";
import { eventsOf } from "../vm/command-line.ts";

interface Pod {
  /** A user id; one in no /etc/passwd has to be small enough for a user namespace. */
  readonly uid: string;
  readonly kvm: boolean;
}
const konflux: Pod = { uid: "54321", kvm: false };
const gitlab: Pod = { uid: "1000", kvm: true };

const { signal } = new AbortController();
let work = "";
/** The image that is judged, as it is called inside a pod. */
let candidate = "";

/** The images of the reference OS come along: there is no network to build them with. */
async function bringReference(): Promise<void> {
  const inspected = await bootgate(["images", "inspect", "reference:v2", "--json"]);
  expect(inspected.code, inspected.stderr).toBe(0);
  const { oci } = JSON.parse(inspected.stdout) as { oci: { layout: string } };
  const built = dirname(oci.layout);
  const slot = join(work, "home/cache/bootgate/reference", basename(built));
  await mkdir(join(slot, "disks"), { recursive: true });
  for (const name of ["oci", "reference.json"])
    await cp(join(built, name), join(slot, name), { recursive: true });
  candidate = `oci:/home/bootgate/cache/bootgate/reference/${basename(built)}/oci:v2`;
}

/** The layers of the image over each other, as an engine unpacks them. */
async function unpack(layout: string): Promise<void> {
  const image = join(work, "image");
  await mkdir(image);
  const { layers } = await readOciImage(layout, "latest");
  for (const { digest } of layers)
    await runAsRoot("tar", ["-xf", blobPath(layout, digest), "--numeric-owner", "-C", image], {
      signal,
    });
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "bootgate-pod-"));
  await chmod(work, 0o755);
  await bringReference();
  const layout = join(work, "oci");
  await buildContainerImage(layout, { onProgress: () => undefined, signal });
  await unpack(layout);
}, 20 * 60_000);
afterAll(() => runAsRoot("rm", ["-rf", "--one-file-system", work], { signal }));

async function inPod({ uid, kvm }: Pod, ...args: readonly string[]) {
  const spaces = ["--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts"];
  const script = join(import.meta.dirname, "pod.sh");
  const start = "/opt/bootgate/harness/setup/start.js";
  const [file, words] = await asRoot("unshare", [
    ...[...spaces, "sh", script, work, uid, kvm ? "kvm" : "-", "node", start, ...args],
  ]);
  const timeoutMs = 35 * 60_000;
  const { exitCode, stdout, stderr } = await attemptCommand(file, words, { signal, timeoutMs });
  return { code: exitCode, output: `${stdout}\n${stderr}` };
}

/** The outcomes of the newest run, and what its guests ran on. */
function latestRun() {
  const events = eventsOf(join(work, "home/runs/latest"));
  return {
    outcomes: events.flatMap((event) => (event.type === "job-ended" ? [event.outcome.kind] : [])),
    deviations: events.flatMap((event) => (event.type === "deviation" ? [event.id] : [])),
  };
}

/** The whole gate passed; returns what differed from a user's boot. */
function expectGate(): readonly string[] {
  const { outcomes, deviations } = latestRun();
  expect(outcomes.length).toBeGreaterThan(5);
  expect(outcomes.filter((kind) => kind !== "passed")).toEqual([]);
  return deviations;
}

test("the image has nothing of the host that built it", async () => {
  const left = await Promise.all(buildersOwn.map((path) => exists(join(work, "image", path))));
  expect(left).toEqual(buildersOwn.map(() => false));
});

describe("as Konflux has it", () => {
  test("`doctor` finds the pod fit, by emulation", async () => {
    const { code, output } = await inPod(konflux, "doctor");
    expect(code, output).toBe(0);
    expect(output).toMatch(/^ok +accelerator +tcg: \/dev\/kvm is missing/m);
    // What a pod cannot do is said, and is not a hindrance: the reference OS comes along.
    expect(output).toMatch(/^ok +user namespaces +do not work: /m);
  });

  test("what a registry would be needed for says that it cannot be reached", async () => {
    const { code, output } = await inPod(konflux, "images", "inspect", "quay.io/you/os:stable");
    expect(code, output).toBe(3);
    expect(output).toMatch(/The name 'quay\.io' of the registry cannot be resolved/);
  });

  test("one image is installed, booted and judged by the whole gate", async () => {
    const { code, output } = await inPod(
      konflux,
      ...["run", "--suite", "gate", "--candidate", candidate],
    );
    expect(code, output.slice(-3000)).toBe(0);
    expect(expectGate()).toEqual(expect.arrayContaining(["derived-image", "tcg"]));
    const text = await readFile(join(work, "home/runs/latest/summary.txt"), "utf8");
    expect(text).toMatch(/^passed +bootc\/upgrade-rollback/m);
  });
});

describe("as GitLab has it, with a /dev/kvm", () => {
  test("the accelerator is what a kernel proves, and the whole gate passes on it", async () => {
    const doctor = await inPod(gitlab, "doctor");
    expect(doctor.code, doctor.output).toBe(0);
    const [, accelerator] = /^ok +accelerator +(?:(tcg): \/dev\/kvm is there, but|kvm)/m.exec(
      doctor.output,
    ) ?? [null, "unknown"];
    expect(accelerator, doctor.output).not.toBe("unknown");
    const { code, output } = await inPod(
      gitlab,
      ...["run", "--suite", "gate", "--candidate", candidate],
    );
    expect(code, output.slice(-3000)).toBe(0);
    expect(expectGate().includes("tcg")).toBe(accelerator === "tcg");
  });
});
