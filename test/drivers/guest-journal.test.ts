/** The whole journal of a boot, read through a real shell from a journalctl that says what a test wants. */
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import { createSystemd } from "../../harness/guest/tools/systemd.ts";
import { failureOf } from "../contract/support/failure.ts";

let workspace: Workspace;
beforeAll(async () => {
  workspace = await createWorkspace("journal");
});
afterAll(() => workspace[Symbol.asyncDispose]());

/** systemd of a guest whose journalctl is this shell script. */
function systemdOf(script: string) {
  const path = join(workspace.path, "journalctl");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  let asked = 0;
  const io: GuestIo = {
    name: "fake",
    timeScale: 1,
    lookAt: "console.log",
    exec: async (command, { maxBytes = 0 } = {}) => {
      asked++;
      const env = { ...process.env, PATH: `${workspace.path}:${process.env.PATH}` };
      const { stdout, stderr, status } = spawnSync("/bin/sh", ["-c", command], {
        env,
        maxBuffer: maxBytes,
      });
      const said = { stdout: stdout.toString(), stderr: stderr.toString(), exitCode: status };
      return { command, ...said, durationMs: 1, truncated: false };
    },
  };
  return { systemd: createSystemd(io), asked: () => asked };
}

const oops = "[    3.100000] host kernel: BUG: kernel NULL pointer dereference, address: 0";
const chatter = (writer: string, lines: number): string =>
  `awk 'BEGIN { for (i = 0; i < ${lines}; i++) printf "[%12.6f] host ${writer}: line %d of something that is long enough to fill pages\\n", 4 + i / 1000, i }'`;

test("a fault at its beginning is found, however much a service says after it", async () => {
  const { systemd, asked } = systemdOf(`echo '${oops}'; ${chatter("app[7]", 200_000)}`);
  expect(await systemd.journalFaults()).toEqual({
    faults: [{ name: "kernel-oops", line: oops }],
    unread: null,
  });
  expect(asked(), "what can never be a fault is left out by the guest").toBe(1);
});

test("one at its end is found behind pages of the kernel's own lines, and each once", async () => {
  const { systemd, asked } = systemdOf(
    `echo '${oops}'; ${chatter("kernel", 100_000)}; printf '[ 200.1] host kernel: \\377x\\n'; echo '${oops}'`,
  );
  expect((await systemd.journalFaults()).faults).toHaveLength(2);
  expect(asked()).toBeGreaterThan(2);
});

test("a journal without a fault, and one without a line of the system, has none", async () => {
  for (const script of ["echo '-- No entries --'", chatter("kernel", 10), chatter("app[7]", 10)])
    expect(await systemdOf(script).systemd.journalFaults()).toEqual({
      faults: [],
      unread: null,
    });
});

test("a journalctl that fails is told, and is not an empty journal", async () => {
  const { systemd } = systemdOf(`echo '${oops}'; echo 'Failed to open journal' >&2; exit 1`);
  const { faults, unread } = await systemd.journalFaults();
  expect(faults).toHaveLength(1);
  const failure = await failureOf(Promise.reject(unread));
  expect(failure.kind).toBe("failed CommandFailed");
  expect(failure.text).toMatch(
    /'journalctl' in guest 'fake' ended with exit code 1[\s\S]*Failed to/,
  );
});
