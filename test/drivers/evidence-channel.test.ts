import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type EvidenceSource,
  evidenceBudget,
  takeEvidence,
} from "../../harness/engine/evidence.ts";
import type { JobEvent } from "../../harness/log/events.ts";
import type { Machine } from "../../harness/machine/machine.ts";
import { ShellPort } from "./support/shell-port.ts";

let folder = "";
let directory = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-evidence-"));
  directory = join(folder, "evidence");
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Programs of a guest, by what they do; all others are those of this host. */
async function programs(bodies: Readonly<Record<string, string>>): Promise<NodeJS.ProcessEnv> {
  for (const [name, body] of Object.entries(bodies)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return { ...process.env, PATH: `${folder}:${process.env.PATH}` };
}

/** Asks a guest with these programs for its evidence, over the root channel; returns the kinds of what came. */
async function takeFrom(bodies: Readonly<Record<string, string>>, restarts = 0): Promise<string[]> {
  using port = new ShellPort().start(await programs(bodies));
  const machine = {
    port,
    console: { path: join(folder, "console.log"), restarts },
    died: new Promise<never>(() => undefined),
    screen: null,
    sshAddress: () => Promise.reject(new Error("nobody listens")),
  } as unknown as Machine;
  const login = { key: { privateKey: "", publicKey: "" }, timeScale: 1 };
  const source: EvidenceSource = { name: "candidate", machine, guest: null, directory, login };
  const kinds: string[] = [];
  using budget = evidenceBudget(0.4, new AbortController().signal);
  const log = (event: JobEvent): void => void (event.type === "evidence" && kinds.push(event.kind));
  await takeEvidence(source, folder, log, budget);
  return kinds.sort();
}

const file = (name: string): Promise<string> => readFile(join(directory, name), "utf8");
const others = {
  systemctl: "echo failed.service",
  bootc: "echo '{}'",
  ip: "echo 10.0.2.15",
  sshd: "exit 1",
};

test("over the root channel a command that hangs costs the others nothing, and what it said is kept", async () => {
  // More than what base64(1) keeps back.
  const journalctl = "seq -f '[%.6f] first' 1 9999; exec sleep 98765";
  expect(await takeFrom({ ...others, journalctl })).toEqual(
    expect.arrayContaining(["addresses", "bootc-status", "console", "failed-units", "journal"]),
  );
  expect(await file("failed-units.txt")).toBe("failed.service\n");
  expect(await file("journal.txt")).toMatch(/^\[1\.000000\] first\n[\s\S]*\n\(cut short: /);
});

test("a bootc that does not know --format is asked in its own way", async () => {
  const bootc = `case "$*" in *--format*) echo "error: unexpected argument '--format'" >&2; exit 2 ;; esac; echo '{"old":1}'`;
  await takeFrom({ ...others, bootc, journalctl: "echo x" });
  expect(await file("bootc-status.json")).toBe('{"old":1}\n');
});

test("the journal of the boot before is taken of a guest that restarted by itself, where it has one", async () => {
  const journalctl = `case "$*" in *--boot=-1*) echo before ;; *) echo now ;; esac`;
  expect(await takeFrom({ ...others, journalctl })).not.toContain("journal-before");
  expect(await takeFrom({ ...others, journalctl }, 1)).toContain("journal-before");
  expect(await file("journal-before.txt")).toBe("before\n");
  expect(await file("journal.txt")).toBe("now\n");
  const lost = `case "$*" in *--boot=-1*) echo 'no persistent journal was found' >&2; exit 1 ;; *) echo now ;; esac`;
  expect(await takeFrom({ ...others, journalctl: lost }, 1)).not.toContain("journal-before");
});
