/** The harness's script for an EFI system partition, run by a real shell among programs that a test makes. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import { commands } from "../../harness/guest/commands.ts";

/** mount(8) of util-linux 2.41, on a partition that its owner has mounted read-only: it warns, mounts so, and exits 0. */
const mount = `
case "$*" in
  "-t vfat /dev/vda1 "*) mkdir -p "$4/EFI"; echo ro > "$STATE" ;;
  "-o remount,rw "*) echo rw > "$STATE" ;;
  *) exit 32 ;;
esac`;

test("a partition that its owner has mounted read-only can be written all the same", async () => {
  await using workspace = await createWorkspace("efi");
  const bin = join(workspace.path, "bin");
  await mkdir(bin);
  const programs = {
    mount,
    umount: 'rm -r "$1/EFI"',
    unshare: 'shift; exec "$@"',
    mktemp: `mkdir "$STATE.d"; echo "$STATE.d"`,
  };
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const line = 'grep -qx rw "$STATE" && pwd';
  const { stdout, exitCode } = await attemptCommand(
    "/bin/sh",
    ["-c", commands.inEfi("/dev/vda1", line)],
    {
      env: { STATE: join(workspace.path, "state"), PATH: `${bin}:${process.env["PATH"] ?? ""}` },
    },
  );
  expect(stdout.trim()).toMatch(/state\.d\/EFI$/);
  expect(exitCode).toBe(0);
});
