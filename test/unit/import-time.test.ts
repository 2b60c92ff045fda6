// How long an installation may take: by the size of what it brings in.
import { expect, test } from "vitest";
import type { MachineDriver } from "../../harness/machine/machine.ts";
import type { DiskBuilder } from "../../harness/states/build/builder.ts";
import { createHostBuilder } from "../../harness/states/build/host-builder.ts";
import { createImageBuilder } from "../../harness/states/build/image-builder.ts";
import { createPodmanBuilder } from "../../harness/states/build/podman-builder.ts";
import { createVmBuilder } from "../../harness/states/build/vm-builder.ts";
import { anaconda } from "../../harness/states/install/anaconda-words.ts";
import { InstallProgress } from "../../harness/states/install/installer-stages.ts";
import type { OciImageFacts } from "../../images/origins/oci-layout.ts";

const hour = 3_600_000;
const emulated = { kind: "qemu", timeScale: 8 } as MachineDriver;
const imageOf = (gib: number) =>
  ({ architecture: "x86_64", layers: [{ size: gib * 1024 ** 3 }] }) as unknown as OciImageFacts;

test("an image of 5 GiB has the hours that its import takes under emulation", () => {
  const builder = createVmBuilder({ driver: emulated, memoryMiB: 3072 });
  // 0.3 MiB a second, the slowest that was measured.
  const slowest = ((5 * 1024) / 0.3) * 1000;
  expect(builder.limitMs(imageOf(5))).toBeGreaterThan(slowest + 2 * hour);
  expect(builder.limitMs(imageOf(5))).toBeLessThan(24 * hour);
  expect(builder.limitMs(imageOf(0))).toBe(2 * hour);
});

test.each<[string, DiskBuilder]>([
  ["podman", createPodmanBuilder()],
  ["host", createHostBuilder()],
  ["bootc-image-builder", createImageBuilder()],
])("%s has more time for a larger image", (_name, builder) => {
  expect(builder.limitMs(imageOf(5)) - builder.limitMs(imageOf(1))).toBe(4 * 1024 * 1000);
});

test("the payload of an installer ISO has more time by its size", () => {
  const progress = new InstallProgress(0, anaconda);
  progress.feed("Deployment starting: oci:/x", 0);
  expect(progress.stage).toBe("payload");
  expect(progress.overdue(4 * hour, 8, 0)).toBe("payload");
  expect(progress.overdue(5 * hour, 8, 5 * 1024 ** 3)).toBeNull();
  expect(progress.overdue(24 * hour, 8, 5 * 1024 ** 3)).toBe("payload");
});
