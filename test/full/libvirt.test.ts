/** The suite `gate` on domains of a real libvirt daemon, by both firmwares, from the same scenario files as under QEMU. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { type LibvirtDaemon, startLibvirt } from "../vm/libvirt-daemon.ts";
import { placeFor } from "./support/played.ts";

const place = placeFor("libvirt");
let daemon: LibvirtDaemon;
beforeAll(async () => {
  daemon = await startLibvirt();
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
});

const images = ["--previous", "reference:v1", "--candidate", "reference:v2"];

test.each([
  ["the suite 'gate' by UEFI", ["--suite", "gate", "--firmware", "uefi"]],
  ["a healthy boot by BIOS", ["boot/health", "--firmware", "bios"]],
])(
  "%s passes on libvirt, and leaves no domain",
  async (_, words) => {
    const machine = ["--machine", `libvirt:${daemon.uri}`];
    const { code, output, ended } = await place.play(["run", ...words, ...images, ...machine]);
    expect(code, output.slice(-3000)).toBe(0);
    expect(ended.filter((kind) => kind !== "passed" && kind !== "skipped")).toEqual([]);
    expect(ended).toContain("passed");
    const list = ["--quiet", "--connect", daemon.uri, "list", "--all", "--name"];
    expect((await attemptCommand("virsh", list)).stdout.trim()).toBe("");
  },
  120 * 60_000,
);
