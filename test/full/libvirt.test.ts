/** The suite `gate` on domains of a real libvirt daemon, by both firmwares, from the same scenario files as under QEMU. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { bootgate, eventsOf } from "../vm/command-line.ts";
import { type LibvirtDaemon, startLibvirt } from "../vm/libvirt-daemon.ts";

let out = "";
let daemon: LibvirtDaemon;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "bootgate-libvirt-"));
  daemon = await startLibvirt();
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(out, { recursive: true, force: true });
});

const images = ["--previous", "reference:v1", "--candidate", "reference:v2"];

test.each([
  ["the suite 'gate' by UEFI", ["--suite", "gate", "--firmware", "uefi"]],
  ["a healthy boot by BIOS", ["boot/health", "--firmware", "bios"]],
])(
  "%s passes on libvirt, and leaves no domain",
  async (_, words) => {
    const { code, output } = await bootgate([
      ...["run", ...words, ...images, "--machine", `libvirt:${daemon.uri}`, "--out", out],
    ]);
    expect(code, output.slice(-3000)).toBe(0);
    const events = eventsOf(join(out, "latest"));
    const ended = events.flatMap((event) =>
      event.type === "job-ended" ? [event.outcome.kind] : [],
    );
    expect(ended.length).toBeGreaterThan(0);
    expect(ended.filter((kind) => kind !== "passed" && kind !== "skipped")).toEqual([]);
    expect(ended).toContain("passed");
    const list = ["--quiet", "--connect", daemon.uri, "list", "--all", "--name"];
    expect((await attemptCommand("virsh", list)).stdout.trim()).toBe("");
  },
  120 * 60_000,
);
