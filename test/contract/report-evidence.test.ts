/** What reports take from a run directory that somebody prepared, and how they name it to readers of attachments. */
import { mkdir, readdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { execa } from "execa";
import { describe, expect, test, vi } from "vitest";
import { merge } from "../../harness/cli/commands/merge-command.ts";
import { report } from "../../harness/cli/commands/report-command.ts";
import { attachmentBaseOf } from "../../harness/cli/wiring/report-files.ts";
import type { RunEvent } from "../../harness/log/events.ts";
import { reportFiles } from "../../reports/render-all.ts";
import { smallEvents } from "../golden/gate-runs.ts";
import { runWith, textOf, useRunDirectories } from "./support/run-directories.ts";

const { folder, runDirectory } = useRunDirectories();

const small = (run: string) => smallEvents({ run, fates: { "boot/health": "passed" } });

describe("evidence that leads out of the run directory", () => {
  const secret = "root:x:0:0";

  async function prepared(): Promise<string> {
    const names = ["console.log", "screen.png", "pipe", "zero", "folder", "inside/real.log"];
    const outside = [
      { kind: "screenshot", path: "/etc/passwd" },
      { kind: "screenshot", path: "../../../etc/hostname" },
      { kind: "screenshot", path: "a/../../secret" },
      { kind: "screenshot", path: "..\\..\\secret" },
      { kind: "console", path: "../secret" },
      { kind: "console", path: "up/secret" },
      { kind: "screenshot", path: "up/secret" },
    ];
    const inside = names.flatMap((path) =>
      ["console", "screenshot"].map((kind) => ({ kind, path })),
    );
    const directory = await runDirectory("one", runWith([...outside, ...inside]));
    await writeFile(join(folder(), "secret"), secret);
    await symlink(join(folder(), "secret"), join(directory, "console.log"));
    await symlink(join(folder(), "secret"), join(directory, "screen.png"));
    await symlink("..", join(directory, "up"));
    await execa("mkfifo", [join(directory, "pipe")]);
    await symlink("/dev/zero", join(directory, "zero"));
    await mkdir(join(directory, "folder"));
    await mkdir(join(directory, "inside"));
    await writeFile(join(directory, "inside", "real.log"), "this may be read");
    return directory;
  }

  test("is neither read nor waited for nor offered to readers", { timeout: 20_000 }, async () => {
    const directory = await prepared();
    expect(await report(directory)).toBe(1);
    const encoded = Buffer.from(secret).toString("base64");
    for (const name of reportFiles) {
      const text = await textOf(directory, name);
      expect(text).not.toContain(secret);
      expect(text).not.toContain(encoded);
    }
    expect(await textOf(directory, "report.html")).toContain("this may be read");
    const xml = await textOf(directory, "junit.xml");
    const offered = [...xml.matchAll(/\[\[ATTACHMENT\|(.*)\]\]/gu)].map((match) => match[1]);
    expect(offered).toEqual([`${directory}/inside/real.log`]);
    const ctrf: unknown = JSON.parse(await textOf(directory, "ctrf.json"));
    expect(JSON.stringify(ctrf)).not.toMatch(/"path":"(?:\/|\.\.|a\/\.\.)/u);
  });

  test("of any size is read in part", { timeout: 20_000 }, async () => {
    const evidence = [
      { kind: "console", path: "console.log" },
      { kind: "screenshot", path: "screen.png" },
    ];
    const directory = await runDirectory("one", runWith(evidence));
    for (const { path } of evidence) {
      await writeFile(join(directory, path), "the first line\n");
      await truncate(join(directory, path), 2 ** 40);
    }
    expect(await report(directory)).toBe(1);
    expect(await textOf(directory, "report.html")).not.toContain("data:image");
  });
});

describe("attachments are named", () => {
  test("relative to the project, wherever the run lies below it", async () => {
    const directory = await runDirectory("runs/one", small("one"));
    await symlink("one", join(folder(), "runs", "latest"));
    const latest = join(folder(), "runs", "latest");
    expect(await attachmentBaseOf(directory, { CI_PROJECT_DIR: folder() })).toBe("runs/one/");
    expect(await attachmentBaseOf(latest, { WORKSPACE: folder() })).toBe("runs/one/");
    const link = join(folder(), "project");
    await symlink(join(folder(), "runs"), link);
    expect(await attachmentBaseOf(directory, { CI_PROJECT_DIR: link })).toBe("one/");
  });

  test("by their whole path anywhere else", async () => {
    const directory = await runDirectory("one", small("one"));
    expect(await attachmentBaseOf(directory, {})).toBe(`${directory}/`);
    expect(await attachmentBaseOf(directory, { CI_PROJECT_DIR: "/nowhere" })).toBe(`${directory}/`);
    expect(await attachmentBaseOf(directory, { CI_PROJECT_DIR: directory })).toBe(`${directory}/`);
    const beside = join(folder(), "on");
    await mkdir(beside);
    expect(await attachmentBaseOf(directory, { CI_PROJECT_DIR: beside })).toBe(`${directory}/`);
  });

  test("relative to where the command is given, without a CI", async () => {
    const directory = await runDirectory("one", small("one"));
    vi.spyOn(process, "cwd").mockReturnValue(folder());
    const base = await attachmentBaseOf(directory, { CI_PROJECT_DIR: join(folder(), "missing") });
    expect(base).toBe("one/");
    expect(relative(process.cwd(), directory)).toBe("one");
  });

  test("of a merged run as it is called when it is whole", async () => {
    vi.stubEnv("CI_PROJECT_DIR", folder());
    const facts = runWith([{ kind: "screenshot", path: "boot.health/screen.png" }]);
    const head = { ...facts[0], shard: { index: 1, count: 1, selection: "s" } } as RunEvent;
    const shard = await runDirectory("shard", [head, ...facts.slice(1)]);
    await mkdir(join(shard, "boot.health"));
    await writeFile(join(shard, "boot.health", "screen.png"), "png");
    await merge([shard], { out: join(folder(), "runs") });
    const [name = ""] = await readdir(join(folder(), "runs"));
    const xml = await textOf(join(folder(), "runs", name), "junit.xml");
    expect(xml).toContain(`[[ATTACHMENT|runs/${name}/boot.health/screen.png]]`);
    expect(name).not.toMatch(/part/);
  });
});
