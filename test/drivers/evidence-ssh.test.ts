import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  type EvidenceSource,
  evidenceBudget,
  takeEvidence,
} from "../../harness/engine/evidence.ts";
import { connectGuest } from "../../harness/guest/connect.ts";
import type { Machine } from "../../harness/machine/machine.ts";
import { reply, startFake } from "./support/ssh-fake.ts";

test("over SSH a command that hangs costs the others nothing, and what it said is kept", async () => {
  const directory = await mkdtemp(join(tmpdir(), "bootgate-evidence-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await using fake = await startFake({
    onCommand: (command, channel) => {
      if (command.includes("boot_id"))
        return reply(channel, "0b8f9c6e-1d2c-4c55-9f0f-5d6a7b8c9d0e\n");
      if (command.includes("journalctl")) return void channel.write("[ 1.0] kernel: last words\n");
      return reply(channel, "well\n");
    },
  });
  await using guest = await connectGuest({ ...fake.options, readyTimeoutMs: 10_000 });
  const machine = { ...fake.options.machine, screen: null } as Machine;
  const login = { key: fake.options.key, timeScale: 1 };
  const source: EvidenceSource = { name: "candidate", machine, guest, directory, login };
  using budget = evidenceBudget(0.4, new AbortController().signal);
  await takeEvidence(source, directory, () => undefined, budget);
  const file = (name: string): Promise<string> => readFile(join(directory, name), "utf8");
  expect(await file("failed-units.txt")).toBe("well\n");
  expect(await file("journal.txt")).toMatch(/^\[ 1\.0\] kernel: last words\n[\s\S]*\(cut short: /);
});
