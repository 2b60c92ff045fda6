/** The kernel of the reference OS as proof of the accelerator. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { driverOptions } from "../../harness/cli/wiring/probe-kernel.ts";
import { hostArchitecture } from "../../images/image.ts";
import { bzImage, machineTypes, zboot } from "./support/kernels.ts";

test("is found once it was built for this host, and not asked for before", async () => {
  const cacheDir = await mkdtemp(join(tmpdir(), "bootgate-probe-"));
  try {
    expect(await driverOptions(cacheDir)).toEqual({ cacheDir });
    const modules = join(cacheDir, "reference-base", "abc", "tree", "usr", "lib", "modules", "7.2");
    await mkdir(modules, { recursive: true });
    expect(await driverOptions(cacheDir)).toEqual({ cacheDir });
    const own = hostArchitecture() === "x86_64";
    await writeFile(
      join(modules, "vmlinuz"),
      own ? zboot(machineTypes.aarch64, "gzip") : bzImage(),
    );
    expect(await driverOptions(cacheDir)).toEqual({ cacheDir });
    await writeFile(
      join(modules, "vmlinuz"),
      own ? bzImage() : zboot(machineTypes.aarch64, "gzip"),
    );
    expect(await driverOptions(cacheDir)).toEqual({
      cacheDir,
      probeKernel: join(modules, "vmlinuz"),
    });
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
});
