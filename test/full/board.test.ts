/** An emulated PC behind the parts of a real board: a plug, a serial line over TCP, a card that a program writes. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { EmulatedBoard } from "../boards/emulated-board.ts";
import { startEmulatedPc } from "../boards/emulated-pc.ts";
import { bootgate, eventsOf } from "../vm/command-line.ts";

const minutes = 60_000;
let folder = "";
let pc: EmulatedBoard;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-pc-"));
  vi.stubEnv("BOOTGATE_BOARDS", join(folder, "leases"));
});
afterEach(async () => {
  await pc[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const run = (boards: string) =>
  bootgate([
    ...["run", "boot/health", "--candidate", "reference:v2", "--machine", "board:emulated-pc"],
    ...["--boards", boards, "--out", folder],
  ]);

const outcomes = (): string[] =>
  eventsOf(join(folder, "latest")).flatMap((event) =>
    event.type === "job-ended" ? [event.outcome.kind] : [],
  );

test.each(["fixed", "none"] as const)(
  "a healthy boot passes on a board with the network '%s', which is off then; a card that keeps an older image is broken",
  async (network) => {
    pc = await startEmulatedPc({ folder, network });
    const { code, output } = await run(pc.boardsPath);
    expect(code, output.slice(-3000)).toBe(0);
    expect(outcomes()).toEqual(["passed"]);
    expect(pc.isOn).toBe(false);
    const lies = join(folder, "lies.yaml");
    const described = await readFile(pc.boardsPath, "utf8");
    await writeFile(lies, described.replace(/write: \[.*\]/, 'write: ["true"]'));
    const lied = await run(lies);
    expect(lied.code).toBe(3);
    expect(lied.output).toContain("is not what was written");
    expect(outcomes()).toEqual(["broken"]);
    expect(pc.isOn).toBe(false);
  },
  60 * minutes,
);
