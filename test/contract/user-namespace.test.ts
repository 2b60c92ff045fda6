/** The trial of user namespaces against programs of the host that behave in recorded ways, and how commands in them end. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { refuseNamespace } from "../../images/reference/user-namespace.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-namespace-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** Puts a program that does this in the place of the one that makes namespaces. */
async function fakeHost(script: string): Promise<void> {
  const program = join(folder, "setpriv");
  await writeFile(program, `#!/bin/sh\n${script}\n`);
  await chmod(program, 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env.PATH ?? ""}`);
}

const { signal } = new AbortController();

test("a host without newuidmap says which package brings it", async () => {
  await fakeHost(
    'echo "unshare: failed to execute newuidmap: No such file or directory" >&2; exit 1',
  );
  expect(await refuseNamespace(signal)).toEqual({
    reason: "newuidmap is not installed",
    toDo: "install the package uidmap",
  });
});

test("a namespace with all ids, in which a mount worked, is not refused", async () => {
  const map = "printf '0 1001 1\\n1 100000 65535\\n'";
  await fakeHost(`${map}; echo; ${map}`);
  expect(await refuseNamespace(signal)).toBeNull();
});

test("a mount that is refused is told although the ids were mapped", async () => {
  const map = "printf '0 1001 1\\n1 100000 65535\\n'";
  await fakeHost(`${map}; echo; ${map}; echo 'mount: /dev: permission denied.' >&2; exit 32`);
  // A kernel with a setting that refuses namespaces is blamed first.
  expect((await refuseNamespace(signal))?.reason).toMatch(
    /^mount: \/dev: permission denied\.$| is [01]$/,
  );
});

test("a host that does not have the programs is refused, not an exception", async () => {
  vi.stubEnv("PATH", folder);
  expect((await refuseNamespace(signal))?.reason).toBe("the host has no command 'setpriv'");
});

test("a helper that a refused unshare leaves behind neither holds the trial up nor lives on", async () => {
  const note = join(folder, "pid");
  const refused = "echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1";
  await fakeHost(`sleep 60 & echo $! > ${note}; ${refused}`);
  const began = performance.now();
  expect(await refuseNamespace(signal)).not.toBeNull();
  expect(performance.now() - began).toBeLessThan(20_000);
  const helper = (await readFile(note, "utf8")).trim();
  await waitFor({
    what: "the end of the helper",
    probe: async () => {
      const { stdout } = await attemptCommand("ps", ["-o", "stat=", "-p", helper]);
      return stdout === "" || stdout.startsWith("Z") ? true : undefined;
    },
    timeoutMs: 10_000,
    signal,
  });
});

test("a command that does not react to SIGTERM ends at once where it is ended by SIGKILL", async () => {
  const note = join(folder, "pid");
  const script = `trap "" TERM; echo $$ > ${note}; while :; do sleep 0.1; done`;
  const abort = new AbortController();
  const began = performance.now();
  const running = attemptCommand("sh", ["-c", script], {
    signal: abort.signal,
    endSignal: "SIGKILL",
  }).catch((error: unknown) => error);
  await waitFor({
    what: "the command's number",
    probe: async () => ((await readFile(note, "utf8").catch(() => "")) === "" ? undefined : true),
    timeoutMs: 10_000,
    signal,
  });
  abort.abort(new Error("enough"));
  expect(await running).toMatchObject({ message: "enough" });
  // SIGTERM would have been followed by SIGKILL after five seconds.
  expect(performance.now() - began).toBeLessThan(4000);
});
