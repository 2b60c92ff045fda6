/** How the command line ends when no command decides it: by the clock, by a fault of ours, or before it could start. */
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootgate, node, root } from "./support/command.ts";
import { bootgateHere } from "./support/in-process.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-endings-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a deadline", () => {
  test("counts from the start of the command: it ends what comes before the first boot, too", async () => {
    const bin = join(folder, "sleepy");
    await mkdir(bin);
    const emulator = join(bin, "qemu-system-x86_64");
    await writeFile(emulator, "#!/bin/sh\nexec sleep 60\n");
    await chmod(emulator, 0o755);
    const began = performance.now();
    const { code, stderr } = await bootgate(
      ["run", "boot/health", "--candidate", "reference:v2", "--deadline", "3s"],
      { PATH: `${bin}:${process.env.PATH ?? ""}`, XDG_CACHE_HOME: folder },
    );
    expect(stderr).toBe("The run's deadline came before its images were ready.\n");
    expect(code).toBe(3);
    expect(performance.now() - began).toBeLessThan(30_000);
  });
});

test("a cache folder that cannot be made is the host's fault, in a sentence", async () => {
  const file = join(folder, "plain");
  await writeFile(file, "");
  const words = ["run", "boot/health", "--candidate", "reference:v2"];
  const { code, stderr } = await bootgateHere(words, { XDG_CACHE_HOME: file });
  expect(stderr).toMatch(/^The cache folder '.*plain\/bootgate' cannot be made: .*\n {2}to do /);
  expect(code).toBe(3);
});

test("a message that quotes a file commands no CI", async () => {
  const run = join(folder, "commands");
  await mkdir(run);
  const lines = ["::error::forged", "##vso[task.complete]", "\u001b[31mred"];
  await writeFile(join(run, "events.jsonl"), `${lines.join(" ")}\n{}\n`);
  const { code, stderr } = await bootgateHere(["report", run]);
  expect(stderr).toMatch(/got ":: ?error::forged # #vso\[task\.complete\] red"/);
  expect(stderr).not.toMatch(/^\s*::|##\w*\[|\u001b/mu);
  expect(code).toBe(2);
});

describe("a fault that nobody caught is ours and not the image's: exit 3", () => {
  const cli = JSON.stringify(join(root, "harness", "cli", "cli.ts"));
  test.each([
    ["an exception", 'throw new Error("the sky fell")'],
    ["a rejection", 'Promise.reject(new Error("the sky fell"))'],
  ])("%s in the middle of a command", async (_, fault) => {
    const program = `
      const { main } = await import(${cli});
      const done = main(["node", "bootgate", "list"]);
      setImmediate(() => { ${fault} });
      process.exitCode = await done;`;
    const { code, stderr } = await node([
      "--import",
      "tsx",
      "--input-type=module",
      "--eval",
      program,
    ]);
    expect(stderr).toMatch(/^This is a fault of bootgate itself: the sky fell\n/);
    expect(stderr).toMatch(/^ +at /m);
    expect(code).toBe(3);
  });
});

describe("a copy that cannot be started", () => {
  async function bareCopy(name: string, files: readonly string[]): Promise<string> {
    const copy = join(folder, name);
    for (const part of ["harness/setup", "scenarios", "fixtures", "images", "reports"])
      await mkdir(join(copy, part), { recursive: true });
    for (const file of files) await copyFile(join(root, file), join(copy, file));
    return join(copy, "harness", "setup", "start.js");
  }

  test("without its packages says how to install them", async () => {
    const start = await bareCopy("bare", [
      "harness/setup/start.js",
      "package.json",
      "package-lock.json",
    ]);
    const { code, stderr } = await node([start, "list"]);
    expect(stderr).toMatch(
      /^The Node package '\S+' is not installed\. Run 'npm ci' in .*bare\.\n$/,
    );
    expect(code).toBe(2);
  });

  test("because a part of it is missing is broken, not failed", async () => {
    const start = await bareCopy("torn", ["harness/setup/start.js", "package.json"]);
    const { code, stderr } = await node([start, "list"]);
    expect(stderr).toMatch(/cannot be started[\s\S]*package-lock\.json/);
    expect(code).toBe(3);
  });
});
