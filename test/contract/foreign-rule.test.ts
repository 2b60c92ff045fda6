// A rule of binfmt_misc for one build alone: real namespaces and the real kernel, with a program that no kernel can run by itself.
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { besideUs } from "../../images/reference/privileged.ts";

const rules = "/proc/sys/fs/binfmt_misc";
/** Of `in-foreign.py`: this kernel is older than 6.7, or the host forbids user namespaces. */
const notHere = 90;
let workspace: Workspace;
let program: string;
let rule: string;

beforeAll(async () => {
  workspace = await createWorkspace("foreign");
  program = join(workspace.path, "program");
  rule = join(workspace.path, "rule.conf");
  await writeFile(program, "BOOTGATE-TEST", { mode: 0o755 });
  await writeFile(rule, ":bootgate-test:M::BOOTGATE-TEST::/bin/ls:F\n");
});
afterAll(() => workspace[Symbol.asyncDispose]());

/** As a build runs it: by root as it is, by others in a user namespace of theirs. */
function inForeign(...words: readonly string[]) {
  const script = ["python3", besideUs("scripts/in-foreign.py"), ...words];
  const own = ["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"];
  const [file = "", ...args] = process.getuid?.() === 0 ? script : [...own, ...script];
  return attemptCommand(file, args, { timeoutMs: 30_000 });
}

test("holds for the command and what it starts, and for nobody else", async () => {
  const before = await readdir(rules).catch(() => null);
  const { exitCode, stdout, stderr } = await inForeign(rule, "sh", "-c", program);
  expect(await readdir(rules).catch(() => null)).toEqual(before);
  if (exitCode === notHere) {
    expect(stderr).toMatch(/^(?:unshare|mount|binfmt_misc): |could not be set/);
    return;
  }
  // The emulator of this rule is ls, which is given the program's path.
  expect([exitCode, stdout.trim()], stderr).toEqual([0, program]);
  const outside = await attemptCommand(program, []).catch((error: unknown) => String(error));
  expect(JSON.stringify(outside)).not.toContain('"exitCode":0');
});

test("a rule that cannot be read is told, and nothing is run", async () => {
  const { exitCode, stdout, stderr } = await inForeign(join(workspace.path, "none"), "echo", "ran");
  expect([exitCode, stdout]).toEqual([notHere, ""]);
  expect(stderr).toMatch(/none|unshare|mount|binfmt_misc/);
});
