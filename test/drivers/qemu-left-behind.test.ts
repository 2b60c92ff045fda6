/** `kill -9` of the harness: no QEMU goes on, and what is left on disk is found by the next start. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { exists } from "../../harness/base/exists.ts";
import { runCommand } from "../../harness/base/process.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { createWorkspace, removeDeadWorkspaces } from "../../harness/base/workspace.ts";

const here = (name: string): string => new URL(`fake-qemu/${name}`, import.meta.url).pathname;
const signal = new AbortController().signal;

test.each([
  ["a real QEMU", "qemu-system-x86_64", []],
  ["a real QEMU with its TPM", "qemu-system-x86_64", ["tpm"]],
  ["a QEMU that ignores every polite word", here("ignores-quit"), []],
])("%s dies with a harness that is killed", async (_, binary, more) => {
  await using workspace = await createWorkspace("test");
  const disk = join(workspace.path, "base.qcow2");
  await runCommand("qemu-img", ["create", "-q", "-f", "qcow2", disk, "16M"]);
  const args = [
    "--import",
    "tsx",
    here("holds-a-machine.ts"),
    binary,
    disk,
    workspace.path,
    ...more,
  ];
  const harness = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: harness.stdout });
  const [line] = (await once(lines, "line")) as [string];
  const { qemu, children, workspacePath } = JSON.parse(line) as {
    qemu: number;
    children: number[];
    workspacePath: string;
  };
  expect(children).toContain(qemu);
  const programs = await Promise.all(
    children.map(async (pid) => (await readFile(`/proc/${pid}/comm`, "utf8")).trim()),
  );
  expect(programs.includes("swtpm")).toBe(more.includes("tpm"));

  const ended = once(harness, "exit");
  harness.kill("SIGKILL");
  await ended;
  await waitFor({
    what: `all of processes ${children.join(", ")} to be gone`,
    probe: async () => {
      const alive = await Promise.all(children.map((pid) => exists(`/proc/${pid}`)));
      return alive.includes(true) ? undefined : true;
    },
    // The kernel kills it at once; a busy host may take seconds to carry that out. One that was not killed stays.
    timeoutMs: 20_000,
    intervalMs: 20,
    signal,
  });
  expect(await exists(workspacePath)).toBe(true);
  expect(await removeDeadWorkspaces()).toContain(workspacePath);
  expect(await exists(workspacePath)).toBe(false);
});
