/** Stories of bootupd on a system whose root lies on two disks, and of GRUB where there is nothing to judge. */
import { describe, expect, test } from "vitest";
import type { SabotageName } from "../simulated/sabotages.ts";
import { rehearse, timeScales } from "./rehearse.ts";

const mirrored = { world: { rootIsMirrored: true } } as const;

describe("where the root lies on two disks", () => {
  test.each(["status", "drift", "adopt", "update", "interrupted", "old-state"])(
    "bootupd/%s looks at both",
    async (name) => {
      expect((await rehearse(`bootupd/${name}`, null, mirrored)).outcome).toEqual({
        kind: "passed",
      });
    },
  );

  test.each(["update", "interrupted", "old-state"])(
    "bootupd/%s notices that only the first is updated",
    async (name) => {
      const { outcome } = await rehearse(`bootupd/${name}`, "second-esp-stale", mirrored);
      expect(outcome.kind === "failed" && outcome.error.message).toMatch(
        /image's payload \/dev\/vdb2 does not have/,
      );
    },
  );
});

test("the packages of the boot loader are in the report", async () => {
  const { attempts } = await rehearse("bootupd/status", null);
  expect(attempts[0]?.notes).toContain("The boot loader for EFI is grub2 v2, shim 1.");
  const updated = await rehearse("bootupd/update", null);
  expect(updated.attempts[0]?.notes).toContain("The boot loader is now grub2 v2, shim 1.");
});

test("an image whose unit does not migrate old menus has nothing to be judged at boot", async () => {
  const { outcome } = await rehearse("grub/migrate-at-boot", null, {
    world: { lacksMigration: true },
  });
  expect(outcome).toEqual({
    kind: "skipped",
    reason:
      "The image does not migrate old menus at boot: bootloader-update.service does not call 'bootupctl migrate-static-grub-config'.",
  });
});

describe("a bootupd that does not know the verb which migrates old menus", () => {
  const stories = ["grub/migrate", "grub/mkconfig-leftovers"];

  test.each(stories)("leaves nothing to be judged by %s", async (id) => {
    const { outcome } = await rehearse(id, null, {
      world: { isBootupdOld: true, lacksMigration: true },
    });
    expect(outcome).toEqual({
      kind: "skipped",
      reason:
        "This bootupd does not migrate old menus: the command for it came in January 2025 (coreos/bootupd#790).",
    });
  });

  test.each(stories)("is the image's failure where its unit calls it: %s", async (id) => {
    const { outcome } = await rehearse(id, null, { world: { isBootupdOld: true } });
    expect(outcome.kind === "failed" && outcome.error.message).toMatch(
      /calls 'bootupctl migrate-static-grub-config', which its bootupd does not know/,
    );
  });
});

test("the boot that migrates is told to be by the old menu, or by another entry", async () => {
  const { attempts, outcome } = await rehearse("grub/migrate-at-boot", null);
  expect(outcome).toEqual({ kind: "passed" });
  expect(attempts[0]?.notes.join()).not.toContain("GRUB did not take the entry");
});
test("a system that makes the older deployment the default once it has fallen back is a good one", async () => {
  const { outcome, attempts } = await rehearse("grub/boot-counting", null, {
    world: { rollsBackItself: true },
  });
  expect(outcome).toEqual({ kind: "passed" });
  expect(attempts[0]?.notes.join()).toMatch(/made the older deployment the default/);
});

describe("where health checks take the boot counter away", () => {
  const world = { healthChecks: "quick" } as const;

  test("a GRUB that counts is a good one", async () => {
    const { outcome, attempts } = await rehearse("grub/boot-counting", null, { world });
    expect(outcome).toEqual({ kind: "passed" });
    expect(attempts[0]?.notes.join()).not.toMatch(/could not be seen/);
  });

  test.each(["counter-sticks", "counter-ignored"] as const)("%s is caught", async (sabotage) => {
    const { outcome } = await rehearse("grub/boot-counting", sabotage, {
      world,
      timeScale: timeScales.well,
    });
    expect(outcome.kind === "failed" && outcome.error.message).toMatch(
      /GRUB did not count the boot/,
    );
  });

  test("it is told that the counting could not be seen, where /etc is in memory", async () => {
    const { outcome, attempts } = await rehearse("grub/boot-counting", null, {
      world: { ...world, prepareRoot: "[composefs]\nenabled = yes\n[etc]\ntransient = true\n" },
    });
    expect(outcome).toEqual({ kind: "passed" });
    expect(attempts[0]?.notes.join()).toMatch(/Whether GRUB counted the boot could not be seen/);
  });
});

describe("a story that rolls back", () => {
  test("lets the health checks of the update come to their end", async () => {
    const { outcome } = await rehearse("grub/static-menu", null, {
      world: { healthChecks: "slow" },
    });
    expect(outcome).toEqual({ kind: "passed" });
  });

  test("goes on where the start-up never ends, and says so", async () => {
    const { outcome, attempts } = await rehearse("bootc/upgrade-rollback", null, {
      world: { neverSettles: true },
    });
    expect(outcome).toEqual({ kind: "passed" });
    expect(attempts[0]?.notes.join()).toMatch(/rolled back before its start-up had ended/);
  });
});

describe("a menu as Fedora's GRUB draws it", () => {
  const rehearseIt = (sabotage: SabotageName | null) =>
    rehearse("grub/older-entry", sabotage, { world: { menuForm: "open" } });

  test("is picked from", async () => {
    expect((await rehearseIt(null)).outcome).toEqual({ kind: "passed" });
  });

  test.each([
    ["menu-doubles", /has the entry 'Simulated OS v1' 2 times/],
    ["menu-hides", /does not have the entry 'Simulated OS v1'/],
  ] as const)("shows what is wrong with it: %s", async (sabotage, words) => {
    const { outcome } = await rehearseIt(sabotage);
    expect(outcome).toMatchObject({
      kind: "failed",
      error: { message: expect.stringMatching(words) },
    });
  });
});

describe("an image that hides its menu", () => {
  test("has it shown once by bootupd's drop-in, and boots by itself after it", async () => {
    const { outcome } = await rehearse("grub/older-entry", null, {
      world: { hidesMenu: "unless-asked" },
    });
    expect(outcome).toEqual({ kind: "passed" });
  });

  test("leaves nothing to be picked where nothing shows it", async () => {
    const { outcome } = await rehearse("grub/older-entry", null, {
      world: { hidesMenu: "for-good" },
    });
    expect(outcome).toEqual({
      kind: "skipped",
      reason:
        "The image's GRUB does not show its menu, and grub.cfg has nothing that shows it once.",
    });
  });
});

test("where GRUB cannot write its environment, nobody is blamed that it does not count boots", async () => {
  const { outcome } = await rehearse("grub/boot-counting", null, mirrored);
  expect(outcome).toEqual({
    kind: "skipped",
    reason: "The disk has /boot on RAID, where GRUB cannot write its environment.",
  });
});
