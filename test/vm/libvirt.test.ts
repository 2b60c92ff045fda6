/** The libvirt driver against a real daemon: one story from the command line, and what `kill -9` leaves. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { asDigest } from "../../harness/base/units.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { cacheRoot } from "../../harness/base/workspace.ts";
import { createLibvirtDriver, type LibvirtDriver } from "../../harness/machine/libvirt/driver.ts";
import type { MachineSpec } from "../../harness/machine/machine.ts";
import { buildReferenceOs } from "../../images/reference/build.ts";
import { bootgate, eventsOf, startCommand } from "./command-line.ts";
import { type LibvirtDaemon, startLibvirt } from "./libvirt-daemon.ts";

const signal = new AbortController().signal;
const minutes = 60_000;
let daemon: LibvirtDaemon;
let driver: LibvirtDriver;
let spec: MachineSpec;
let out = "";

beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-vm-"));
  daemon = await startLibvirt();
  const onProgress = (line: string) => process.stderr.write(`${line}\n`);
  const cacheDir = cacheRoot();
  const os = await buildReferenceOs({ cacheDir, versions: ["v1"], onProgress, signal });
  const v1 = os.versions.v1;
  if (v1 === undefined || v1.disk === null) throw new Error("the reference OS has no disk of v1");
  driver = await createLibvirtDriver({
    ...{ uri: daemon.uri, cacheDir, accelerator: "tcg", onProgress, signal },
  });
  const contentDigest = asDigest(v1.digest);
  spec = {
    ...{ name: "v1", architecture: "x86_64", firmware: "uefi", memoryMiB: 1024, cpus: 2 },
    disks: [{ kind: "overlay", backingFile: v1.disk, backingFormat: "qcow2", contentDigest }],
    ...{ network: "closed", forwards: [], credentials: { a: "b" }, imageDigest: v1.digest },
    channel: true,
  };
}, 40 * minutes);
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(out, { recursive: true, force: true });
});

const domains = async (): Promise<string[]> => {
  const words = ["--quiet", "--connect", daemon.uri, "list", "--all", "--name"];
  return (await attemptCommand("virsh", words)).stdout.split("\n").filter((line) => line !== "");
};

test("its display is seen, and nothing is left of a machine that is gone", async () => {
  const directory = join(out, "screen");
  await mkdir(directory);
  {
    await using machine = await driver.create(spec, { directory, signal });
    await machine.power.on(signal);
    expect(await domains()).toHaveLength(1);
    await machine.console.reached("firmware", AbortSignal.timeout(3 * minutes));
    const path = join(directory, "shot.png");
    await machine.screen?.screenshot(path, signal);
    expect((await readFile(path)).subarray(1, 4).toString()).toBe("PNG");
    const picture = await machine.screen?.picture?.(signal);
    expect(picture?.width).toBeGreaterThan(100);
  }
  expect(await domains()).toEqual([]);
});

test("what a killed run leaves is off at once, and goes with `clean`", async () => {
  const started = startCommand([
    ...["run", "boot/health", "--candidate", "reference:v1", "--accelerator", "tcg"],
    ...["--machine", `libvirt:${daemon.uri}`, "--out", out],
  ]);
  const list = (...words: string[]) =>
    attemptCommand("virsh", ["--quiet", "--connect", daemon.uri, "list", ...words, "--name"]);
  const running = async () => (await list("--state-running")).stdout.trim() || undefined;
  await waitFor({ what: "a domain", probe: running, timeoutMs: 10 * minutes, signal });
  started.child.kill("SIGKILL");
  await started.ended;
  const off = async () => ((await running()) === undefined ? true : undefined);
  await waitFor({ what: "the domain to be off", probe: off, timeoutMs: minutes, signal });
  expect(await domains()).toHaveLength(1);
  const { code, output } = await bootgate(["clean"]);
  expect(code, output).toBe(0);
  expect(output).toMatch(/^removed domain bootgate-\d+-\d+-candidate at qemu:/m);
  expect(await domains()).toEqual([]);
});

test("the story of a healthy boot passes on it", async () => {
  const { code, output } = await bootgate([
    ...["run", "boot/health", "--candidate", "reference:v1", "--accelerator", "tcg"],
    ...["--machine", `libvirt:${daemon.uri}`, "--out", out],
  ]);
  expect(code, output.slice(-3000)).toBe(0);
  const ended = eventsOf(join(out, "latest")).flatMap((event) =>
    event.type === "job-ended" ? [event.outcome.kind] : [],
  );
  expect(ended).toEqual(["passed"]);
  expect(await domains()).toEqual([]);
});
