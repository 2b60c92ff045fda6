/** What bootupd says, read from recorded output of the real one and from what it could say. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CannotTell } from "../../harness/base/errors.ts";
import { packageRoot } from "../../harness/base/package-root.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { bootupdOf, parseEfiDevices, parseValidation } from "../../harness/guest/tools/bootupd.ts";
import { describePackages, packagesOf } from "../../harness/guest/tools/bootupd-state.ts";
import { componentLines, linesFor } from "../../harness/guest/tools/bootupd-status.ts";
import { parseMigration } from "../../harness/guest/tools/bootupd-unit.ts";
import { findDisk, parseDisks } from "../../harness/guest/tools/disks.ts";

/** One answer to every command. */
const answering = (exitCode: number, stdout: string, stderr = ""): GuestIo => ({
  name: "candidate",
  timeScale: 1,
  lookAt: "console.log",
  exec: async (command) => ({ command, exitCode, stdout, stderr, truncated: false, durationMs: 0 }),
});

const recorded = async (name: string): Promise<string> => {
  const file = join(packageRoot, "fixtures/transcripts/bootupd-0.2.35", name);
  const [, stdout = ""] =
    /^--- stdout\n(.*?)^--- stderr/ms.exec(await readFile(file, "utf8")) ?? [];
  return stdout;
};

describe("bootupctl", async () => {
  test("tells its status as the real one did", async () => {
    const status = await bootupdOf(
      answering(0, await recorded("18-bootupctl-status-json.txt")),
    ).status();
    expect(status?.components["EFI"]).toMatchObject({
      installed: { version: "grub2-2.14-4,shim-1.51-16.1-2" },
      updatable: "at-latest-version",
    });
  });

  test("told it in a shorter form before 2025, which names whole packages", async () => {
    // The shape of upstream's own example (`tests/fixtures/example-status-v0.json`).
    const meta = {
      timestamp: "2020-09-15T13:01:21Z",
      version: "grub2-efi-x64-1:2.04-23.fc32.x86_64,shim-x64-15-8.x86_64",
    };
    const EFI = { installed: meta, interrupted: null, update: meta, updatable: "upgradable" };
    const BIOS = { version: { ...meta, version: "grub2-bios-42.x86_64" }, confident: true };
    const old = { components: { EFI }, adoptable: { BIOS } };
    const status = await bootupdOf(answering(0, JSON.stringify(old))).status();
    expect(Object.keys(status?.adoptable ?? {})).toEqual(["BIOS"]);
    const installed = status?.components["EFI"]?.installed ?? { version: "" };
    expect(describePackages(packagesOf(installed))).toBe("grub2 1:2.04-23.fc32, shim 15-8");
  });

  test("tells the same where it calls a package's version by its newer name", async () => {
    const told = await recorded("18-bootupctl-status-json.txt");
    const ask = (text: string) => bootupdOf(answering(0, text)).status();
    expect(await ask(told.replaceAll('"rpm_evr"', '"evr"'))).toEqual(await ask(told));
  });

  test("that is not there is told apart from one that fails", async () => {
    expect(await bootupdOf(answering(127, "", "not found")).status()).toBeNull();
    await expect(bootupdOf(answering(1, "", "error: boom")).status()).rejects.toThrow(
      /ended with exit code 1/,
    );
  });

  test("in a container has another status, which is refused", async () => {
    const container = answering(0, '{"components":["BIOS","EFI"]}');
    await expect(bootupdOf(container).status()).rejects.toThrow(/did not print the JSON it should/);
  });

  /** What `systemctl show` says of the unit, and of EFI bootupd. */
  const service = (unit: string, updatable = "upgradable"): GuestIo => {
    const meta = { version: "grub2-1" };
    const EFI = { installed: meta, interrupted: null, update: meta, updatable };
    return {
      ...answering(0, ""),
      exec: async (command) => {
        const status = JSON.stringify({ components: { EFI } });
        return answering(0, command.includes("status --json") ? status : unit).exec(command);
      },
    };
  };
  const off = await bootupdOf(service("UnitFileState=disabled\n")).service();

  test("is called by hand only where its unit is not enabled", async () => {
    const unit = (started: number, state: string): Promise<string> =>
      bootupdOf(
        service(`UnitFileState=${state}\nExecMainStartTimestampMonotonic=${started}\n`),
      ).afterBoot(off);
    expect(await unit(12_000_000, "enabled")).toMatch(/ran at this boot/);
    for (const state of ["disabled", "masked", "static", ""])
      expect(await unit(0, state)).toMatch(/'bootupctl update' was called/);
    const condition = (looked: number): Promise<string> => {
      const never =
        "UnitFileState=enabled\nExecMainStartTimestampMonotonic=0\nConditionResult=no\n";
      return bootupdOf(service(`${never}ConditionTimestampMonotonic=${looked}\n`)).afterBoot(off);
    };
    expect(await condition(11_000_000)).toMatch(/did not meet its conditions/);
    await expect(condition(0)).rejects.toThrow(/did not run at this boot/);
    for (const state of ["enabled", "enabled-runtime"])
      await expect(unit(0, state)).rejects.toThrow(
        /bootloader-update\.service is enabled in guest 'candidate' and did not run at this boot/,
      );
  });

  test("of an image that has lost its unit is not called by hand, unless another unit has done the work", async () => {
    const on = await bootupdOf(service("UnitFileState=enabled\n")).service();
    const lost = "UnitFileState=disabled\nExecMainStartTimestampMonotonic=0\n";
    await expect(bootupdOf(service(lost)).afterBoot(on)).rejects.toThrow(
      /was enabled in guest 'candidate' before the upgrade and is not any more/,
    );
    expect(await bootupdOf(service(lost, "at-latest-version")).afterBoot(on)).toMatch(
      /is not enabled in this image/,
    );
  });

  test("tells a person what it tells a program", async () => {
    const status = await bootupdOf(
      answering(0, await recorded("18-bootupctl-status-json.txt")),
    ).status();
    if (status === null) throw new Error("There is no status.");
    const text = await recorded("17-bootupctl-status.txt");
    expect(componentLines(text)).toEqual(linesFor(status));
    const { EFI } = status.components;
    if (EFI === undefined) throw new Error("There is no EFI.");
    const due = { ...EFI, interrupted: EFI.installed, updatable: "upgradable" as const };
    expect(linesFor({ components: { EFI: due }, adoptable: {} })).toEqual([
      "Component EFI",
      "  Installed: grub2-2.14-4,shim-1.51-16.1-2",
      "  WARNING: Previous update to grub2-2.14-4,shim-1.51-16.1-2 was interrupted",
      "  Update: Available: grub2-2.14-4,shim-1.51-16.1-2",
    ]);
  });

  test("names files by where the payload lies; what counts is the path below EFI/", () => {
    // As 0.3.2 said it.
    const said =
      "Running as unit: bootupd.service\nChanged: grub2/2.14-4/EFI/debian/grubx64.efi\nerror: Caught validation errors\n";
    expect(parseValidation(said, 1)).toMatchObject({ changed: ["debian/grubx64.efi"] });
  });

  test("names what changed and what is gone", async () => {
    const said =
      "Changed: fedora/grubx64.efi\nRemoved: BOOT/BOOTX64.EFI\nerror: Caught validation errors";
    expect(parseValidation(said, 1)).toMatchObject({
      isValid: false,
      changed: ["fedora/grubx64.efi"],
      removed: ["BOOT/BOOTX64.EFI"],
    });
    await expect(bootupdOf(answering(1, "", "error: No lock")).validate()).rejects.toThrow(
      /failed and did not name a file/,
    );
  });
});

describe("EFI system partitions", () => {
  const row = (name: string, disk: string, table: string, type: string): string =>
    `NAME="${name}" PKNAME="${disk}" PTTYPE="${table}" PARTTYPE="${type}"`;
  const efi = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";

  test("are the first of their type on each disk, as bootupd takes them", () => {
    const rows = [
      row("/dev/vda", "", "gpt", ""),
      row("/dev/vda1", "/dev/vda", "gpt", "21686148-6449-6e6f-744e-656564454649"),
      row("/dev/vda2", "/dev/vda", "gpt", efi),
      row("/dev/vda5", "/dev/vda", "gpt", efi.toLowerCase()),
      row("/dev/vdb1", "/dev/vdb", "gpt", efi),
    ];
    expect(parseEfiDevices(rows.join("\n"))).toEqual([
      { disk: "/dev/vda", device: "/dev/vda2" },
      { disk: "/dev/vdb", device: "/dev/vdb1" },
    ]);
  });

  test("of a disk for a board have the type of an MBR", () => {
    const rows = [row("/dev/mmcblk0p1", "/dev/mmcblk0", "dos", "0x6")];
    expect(parseEfiDevices(rows.join("\n"))).toEqual([
      { disk: "/dev/mmcblk0", device: "/dev/mmcblk0p1" },
    ]);
    expect(parseEfiDevices(row("/dev/vda1", "/dev/vda", "dos", "0x83"))).toEqual([]);
  });
});

/** A machine with two disks, whose root lies on what `root` lists. */
const twoDisks = (root: readonly string[]): GuestIo => ({
  ...answering(0, ""),
  exec: async (command) => {
    const rows = ["a", "b"].map(
      (name) =>
        `NAME="/dev/vd${name}1" PKNAME="/dev/vd${name}" PTTYPE="gpt" PARTTYPE="c12a7328-f81f-11d2-ba4b-00a0c93ec93b"\n`,
    );
    const stdout = command.startsWith("lsblk --pairs")
      ? rows.join("")
      : command.includes("--inverse")
        ? root.join("\n")
        : `${"a".repeat(64)}  ./BOOT/BOOTX64.EFI\n`;
    return { command, exitCode: 0, stdout, stderr: "", truncated: false, durationMs: 0 };
  },
});

describe("of two disks with an EFI system partition", () => {
  const ours = async (root: readonly string[]): Promise<boolean[]> =>
    (await bootupdOf(twoDisks(root)).partitions()).map(({ isOurs }) => isOurs);

  test("bootupd looks after the one that the root lies on", async () => {
    expect(await ours(["/dev/vda3", "/dev/vda"])).toEqual([true, false]);
  });

  test("bootupd looks after both where the root lies on both", async () => {
    const mirrored = ["/dev/md0", "/dev/vda3", "/dev/vda", "/dev/vdb3", "/dev/vdb"];
    expect(await ours(mirrored)).toEqual([true, true]);
  });

  test("none is left out where nobody can tell what the root lies on", async () => {
    expect(await ours([])).toEqual([true, true]);
  });
});

test("a call while an earlier one is at work says nothing of the image", async () => {
  const taken = "Failed to start transient service unit: Unit bootupd.service was already loaded.";
  await expect(bootupdOf(answering(1, "", taken)).validate()).rejects.toThrow(/still at work/);
});

describe("a disk that a story asked for", () => {
  const text =
    "/dev/zram0 0 disk\n/dev/sr0 1024 rom\n/dev/vda 10737418240 disk\n/dev/vdb   67108864 disk\n";

  test("is known by its size", async () => {
    expect(parseDisks(text).map(({ name }) => name)).toEqual([
      "/dev/zram0",
      "/dev/vda",
      "/dev/vdb",
    ]);
    expect(await findDisk(answering(0, text), 64)).toBe("/dev/vdb");
  });

  test.each([text.replace("67108864", "1"), `${text}/dev/vdc 67108864 disk\n`])(
    "that is missing, or not the only one, says nothing of the image",
    async (other) => {
      await expect(findDisk(answering(0, other), 64)).rejects.toThrow(CannotTell);
    },
  );
});

describe("the unit that migrates old menus at boot", () => {
  const call = (verb: string): string =>
    `ExecStart={ path=/usr/bin/bootupctl ; argv[]=/usr/bin/bootupctl ${verb} ; ignore_errors=no ; start_time=[n/a] ; pid=0 }`;
  const told = (...lines: readonly string[]): string => `${lines.join("\n")}\n`;
  const [update, migrate] = ["update", "migrate-static-grub-config"].map(call) as [string, string];
  const never = "ExecMainStartTimestampMonotonic=0";

  test.each([
    ["enabled", told(update, migrate, never, "UnitFileState=enabled"), null],
    [
      "started by a link of the image's",
      told(update, migrate, "ExecMainStartTimestampMonotonic=12000000", "UnitFileState=disabled"),
      null,
    ],
    ["disabled", told(update, migrate, never, "UnitFileState=disabled"), /is not enabled in it/],
    ["without the drop-in", told(update, never, "UnitFileState=enabled"), /does not call/],
    ["not there", told(never, "UnitFileState="), /does not call/],
    [
      "one that only names it",
      told(`Description=${migrate}`, never, "UnitFileState=enabled"),
      /does not call/,
    ],
  ])("%s", (_what, text, why) => {
    const found = parseMigration(text);
    if (why === null) expect(found).toBeNull();
    else expect(found).toMatch(why);
  });
});
