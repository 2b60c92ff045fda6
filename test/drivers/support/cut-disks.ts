/** Records that QEMU's own filter has written, and disks with a real ext4 file system, in a test's folder. */
import { mkdtemp, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../../harness/base/process.ts";
import type { ReplayFiles } from "../../../harness/cuts/replay.ts";
import { nodeOf } from "../../../harness/machine/qemu/qemu-argv.ts";

export const mebibyte = 1024 * 1024;
export const diskBytes = 8 * mebibyte;

/** Writes to a new overlay through the same filter as a machine's disk, and returns the paths. */
export async function record(folder: string, ...commands: readonly string[]) {
  const own = await mkdtemp(join(folder, "record-"));
  const [before, overlay, log] = ["before.raw", "overlay.qcow2", "writes"].map((name) =>
    join(own, name),
  ) as [string, string, string];
  await writeFile(before, "");
  await truncate(before, diskBytes);
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", "-b", before, "-F", "raw", overlay]);
  await writeFile(log, "");
  const node = nodeOf({ kind: "disk", path: overlay, format: "qcow2", record: log }, "disk0");
  const write = async (...these: readonly string[]): Promise<void> => {
    await runCommand("qemu-io", ["--image-opts", node, ...these.flatMap((one) => ["-c", one])]);
  };
  await write(...commands);
  return { before, overlay, log, write };
}

/** For a disk that was empty before. */
export const filesOf = (disk: string, recorded: string): ReplayFiles => ({
  ...{ disk, record: recorded },
  restore: async () => {
    await writeFile(disk, "");
    await truncate(disk, diskBytes);
  },
});

export const entry = (kernel: string): string =>
  `title Test\nversion 1\noptions root=LABEL=root ostree=/ostree/boot.1/os/abc/0\nlinux ${kernel}\ninitrd /initrd\n`;

/** A raw disk with one partition, an ext4 that has an entry, its kernel and a deployment. */
export async function makeDisk(folder: string): Promise<{ path: string; startBytes: number }> {
  const own = await mkdtemp(join(folder, "disk-"));
  const path = join(own, "disk.raw");
  const root = join(own, "root");
  const deployment = `${root}/ostree/deploy/os/deploy/${"a".repeat(64)}.0`;
  await runCommand("mkdir", ["-p", `${root}/boot/loader/entries`, deployment]);
  await runCommand("mkdir", ["-p", `${root}/ostree/boot.1/os/abc`]);
  await runCommand("ln", [
    "-s",
    `../../../deploy/os/deploy/${"a".repeat(64)}.0`,
    `${root}/ostree/boot.1/os/abc/0`,
  ]);
  await writeFile(`${root}/boot/loader/entries/ostree-1.conf`, entry("/vmlinuz"));
  for (const name of ["vmlinuz", "initrd"]) await writeFile(`${root}/${name}`, name);
  await writeFile(`${deployment}.origin`, "[origin]\n");
  const part = join(own, "part");
  await runCommand("mkfs.ext4", ["-q", "-L", "root", "-d", root, part, "32M"]);
  await writeFile(path, "");
  await truncate(path, 36 * mebibyte);
  await runCommand("sgdisk", ["--new=1:2048:67583", "--typecode=1:8304", path]);
  await runCommand("dd", [`if=${part}`, `of=${path}`, "bs=1M", "seek=1", "conv=notrunc"]);
  return { path, startBytes: mebibyte };
}
