/** A block of a disk that is read and changed by a real shell and a real dd, on a file in the disk's place. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { blockCommands } from "../../harness/guest/block-commands.ts";

/** A disk of three blocks, and a folder that a guest's /run and /proc/sys are in. */
function scene() {
  const folder = mkdtempSync(join(tmpdir(), "bootgate-blocks-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const disk = join(folder, "disk");
  writeFileSync(disk, Buffer.concat([..."abc"].map((letter) => Buffer.alloc(1024, letter))));
  const bin = join(folder, "bin");
  const run = (command: string) => {
    // Not each file system of a host can be read past its cache, and the host's own is left alone.
    const here = command
      .replaceAll(/ [io]flag=direct/g, "")
      .replaceAll("/run/bootgate-block.", join(folder, "run."))
      .replaceAll("/proc/sys/vm/drop_caches", join(folder, "forgotten"));
    const env = { PATH: `${bin}:${process.env["PATH"]}` };
    return spawnSync("sh", ["-c", here], { encoding: "utf8", env });
  };
  return { folder, bin, disk, run };
}

const inMiddle = { size: 1024, number: 1 };

test("a piece of a disk is read, and nothing where there is no disk", () => {
  const { disk, run } = scene();
  const { stdout } = run(blockCommands.piece({ device: disk, ...inMiddle }));
  expect(Buffer.from(stdout, "base64")).toEqual(Buffer.alloc(1024, "b"));
  expect(run(blockCommands.piece({ device: `${disk}-of-nobody`, ...inMiddle })).stdout).toBe("");
  const { stdout: start } = run(blockCommands.beginning(disk, 3));
  expect(Buffer.from(start, "base64").toString()).toBe("aaa");
});

test("one byte of a disk is changed, caches are forgotten, and nothing is left", () => {
  const { folder, disk, run } = scene();
  const { status, stdout, stderr } = run(
    blockCommands.changePiece({ device: disk, ...inMiddle }, 3),
  );
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  const expected = Buffer.concat([..."abc"].map((letter) => Buffer.alloc(1024, letter)));
  expected[1024 + 3] = 0xff;
  expect(readFileSync(disk)).toEqual(expected);
  expect(readdirSync(folder).sort()).toEqual(["disk", "forgotten"]);
  expect(readFileSync(join(folder, "forgotten"), "utf8")).toBe("3\n");
});

/** A dd that does not write to disks, for this reason. */
const refusing = (disk: string, why: string): string =>
  `#!/bin/sh\ncase "$*" in *"of=${disk} "*) echo "dd: failed to open '${disk}': ${why}" >&2; exit 1;; esac\nPATH="\${PATH#*:}" exec dd "$@"\n`;

test.each([
  ["Device or resource busy", 0, "Device or resource busy\n"],
  ["Operation not permitted", 0, "Operation not permitted\n"],
  ["Input/output error", 1, ""],
])("a disk that cannot be written: %s", (why, code, says) => {
  const { bin, disk, folder, run } = scene();
  spawnSync("mkdir", [bin]);
  writeFileSync(join(bin, "dd"), refusing(disk, why));
  chmodSync(join(bin, "dd"), 0o755);
  const { status, stdout, stderr } = run(
    blockCommands.changePiece({ device: disk, ...inMiddle }, 3),
  );
  expect({ status, stdout }).toEqual({ status: code, stdout: says });
  expect(stderr).toMatch(code === 0 ? /^$/ : /Input\/output error/);
  expect(readdirSync(folder).sort()).toEqual(["bin", "disk"]);
});

test("what is not a partition has no disk below it", () => {
  const { disk, run } = scene();
  const { status, stdout } = run(blockCommands.partition(disk));
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});
