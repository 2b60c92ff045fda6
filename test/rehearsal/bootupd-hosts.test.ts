/** Stories of bootupd on hosts and images that are well and are another than the reference OS. */
import { expect, test } from "vitest";
import { rehearse } from "./rehearse.ts";

const well = { kind: "passed" } as const;

test.each(["status", "drift", "adopt", "update", "interrupted", "old-state", "other-disk"])(
  "bootupd/%s reads a bootupd that calls versions of packages by their newer name",
  async (name) => {
    const { outcome } = await rehearse(`bootupd/${name}`, null, {
      world: { loader: { renamesVersions: true } },
    });
    expect(outcome).toEqual(well);
  },
);

test.each(["update", "interrupted", "old-state", "other-disk"])(
  "bootupd/%s does not take a kernel that bootc puts beside the boot loader for a part of it",
  async (name) => {
    const { outcome } = await rehearse(`bootupd/${name}`, null, {
      world: { kind: "bootc-composefs", loader: { hasUnifiedKernels: true } },
    });
    expect(outcome).toEqual(well);
  },
);

test("ostree, which goes by bootupd's state where nobody has told it, is told before that is changed", async () => {
  const world = { lacksMigration: true, loader: { isUntold: true } } as const;
  const { outcome } = await rehearse("bootupd/old-state", null, { world });
  expect(outcome).toEqual(well);
});

test.each(["status", "drift", "adopt", "update"])(
  "bootupd/%s blames nobody where a disk was installed with systemd-boot",
  async (name) => {
    const { outcome } = await rehearse(`bootupd/${name}`, null, {
      world: { kind: "bootc-composefs", loader: { isSystemdBoot: true } },
      catalogue: { entry: "mine", promises: ["bootupd"], lacks: [] },
    });
    expect(outcome).toEqual({
      kind: "skipped",
      reason: "This disk boots by systemd-boot, which bootupd did not install.",
    });
  },
);
