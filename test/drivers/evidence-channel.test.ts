import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type EvidenceSource,
  evidenceBudget,
  takeEvidence,
} from "../../harness/engine/evidence.ts";
import type { Machine } from "../../harness/machine/machine.ts";
import { ShellPort } from "./support/shell-port.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-evidence-"));
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

test("over the root channel a command that hangs costs the others nothing", async () => {
  const env = await programs({
    journalctl: "exec sleep 98765",
    systemctl: "echo failed.service",
    bootc: "echo '{}'",
    ip: "echo 10.0.2.15",
    sshd: "exit 1",
  });
  using port = new ShellPort().start(env);
  const machine = {
    port,
    console: { path: join(folder, "console.log") },
    died: new Promise<never>(() => undefined),
    screen: null,
    sshAddress: () => Promise.reject(new Error("nobody listens")),
  } as unknown as Machine;
  const directory = join(folder, "evidence");
  const login = { key: { privateKey: "", publicKey: "" }, timeScale: 1 };
  const source: EvidenceSource = { name: "candidate", machine, guest: null, directory, login };
  const kinds: string[] = [];
  using budget = evidenceBudget(0.4, new AbortController().signal);
  await takeEvidence(
    source,
    folder,
    (event) => void (event.type === "evidence" && kinds.push(event.kind)),
    budget,
  );
  expect(kinds.sort()).toEqual(["addresses", "bootc-status", "console", "failed-units"]);
  expect(await readFile(join(directory, "failed-units.txt"), "utf8")).toBe("failed.service\n");
});
