/**
 * `migrate-plan` for a host over SSH, with a program of the test's own in the place of the ssh client: what it is told runs in a shell of
 * this host, where an `rpm-ostree` is or is not.
 */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { deploymentOf, everyChange, statusOf } from "../golden/rpm-ostree-status.ts";
import { bootgate, type Ended, node, root } from "./support/command.ts";

const target = "ssh://core@silver.example:2222";

/** Puts a program in the folder that stands first in PATH. */
async function program(folder: Workspace, name: string, script: string): Promise<void> {
  const path = join(folder.path, "bin", name);
  await mkdir(join(folder.path, "bin"), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

const environment = (folder: Workspace): Record<string, string> => ({
  PATH: `${join(folder.path, "bin")}:${process.env.PATH ?? ""}`,
});

/** Whether it runs; one that nobody has waited for yet (`Z`, proc_pid_stat(5)) does not. */
const lives = (pid: number): Promise<boolean> =>
  readFile(`/proc/${pid}/stat`, "utf8").then(
    (text) => !text.slice(text.lastIndexOf(")")).startsWith(") Z"),
    () => false,
  );

const plan = (folder: Workspace): Promise<Ended> =>
  bootgate(["migrate-plan", target], environment(folder));

/** Runs the last word, as sshd gives it to a login shell. */
const asShell = (folder: Workspace): string =>
  `printf '%s\\n' "$@" > '${folder.path}/told'\nfor line; do :; done\necho Welcome.\nexec sh -c "$line"`;

test("a host's status and kernel arguments make the plan, by one login", async () => {
  await using folder = await createWorkspace("migrate-host");
  const status = join(folder.path, "status.json");
  await writeFile(status, JSON.stringify(statusOf(deploymentOf(everyChange))));
  await program(folder, "ssh", asShell(folder));
  await program(
    folder,
    "rpm-ostree",
    `case "$*" in "status --json") cat '${status}' ;; kargs) echo root=UUID=1 set-for-the-next-boot ;; esac`,
  );
  const booted = "BOOT_IMAGE=(hd0,gpt2)/vmlinuz root=UUID=1 quiet mitigations=off";
  await program(
    folder,
    "cat",
    `test "$1" = /proc/cmdline && echo '${booted}' || exec /bin/cat "$@"`,
  );
  const { code, stdout, stderr } = await plan(folder);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toContain("layered package: htop, vim-enhanced, pkgconfig(zlib)");
  expect(stdout).toContain("kernel arguments of this machine (4 of them)");
  expect(stdout).not.toContain("set-for-the-next-boot");
  expect(stdout).toMatch(
    /kargs\.d\/50-migrated\.toml:\s+kargs = \[\s+"quiet",\s+"mitigations=off"/,
  );
  const told = await readFile(join(folder.path, "told"), "utf8");
  expect(told).toContain("-p\n2222\n-l\ncore\n--\nsilver.example\n");
});

test("a host that refuses the key is told so with exit code 3, one without rpm-ostree with 2", async () => {
  await using folder = await createWorkspace("migrate-host");
  const denied = "core@silver.example: Permission denied (publickey).";
  await program(folder, "ssh", `echo '${denied}' >&2; exit 255`);
  const refused = await plan(folder);
  expect([refused.code, refused.stdout]).toEqual([3, ""]);
  expect(refused.stderr).toMatch(/^The host 'ssh:\/\/…@silver\.example:2222' does not let this/);
  expect(refused.stderr).toContain(denied);
  await program(folder, "ssh", asShell(folder));
  const lacking = await plan(folder);
  expect([lacking.code, lacking.stdout]).toEqual([2, ""]);
  expect(lacking.stderr).toMatch(/does not have rpm-ostree/);
});

test("the client does not outlive a bootgate that is killed", async () => {
  await using folder = await createWorkspace("migrate-host");
  await program(folder, "ssh", `echo $$ > '${folder.path}/pid'; kill -9 $PPID; exec sleep 1000`);
  const { code } = await node(
    [join(root, "harness", "setup", "start.js"), "migrate-plan", target],
    environment(folder),
  );
  expect(code).not.toBe(0);
  const pid = Number(await readFile(join(folder.path, "pid"), "utf8"));
  await expect.poll(() => lives(pid)).toBe(false);
});
