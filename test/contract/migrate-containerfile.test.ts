/** The `RUN` lines of a plan's Containerfile, in a real shell, with programs in dnf's and rpm's place that note what they are asked. */
import { spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { everyChange } from "../golden/rpm-ostree-status.ts";
import { planFor } from "../unit/support/migrate-plan.ts";

/** What `dnf` answers: version 5.2.14 and later, an older one (no command `do`), and an older one whose check finds something. */
const dnf = {
  new: "exit 0",
  old: 'case "$*" in *"do "*) exit 1 ;; esac',
  "old-and-broken": 'case "$*" in *"do "* | check*) exit 1 ;; esac',
};

async function inShell(folder: Workspace, line: string, kind: keyof typeof dnf) {
  const bin = join(folder.path, "bin");
  const log = join(folder.path, "log");
  await rm(log, { force: true });
  await mkdir(bin, { recursive: true });
  for (const name of ["dnf", "rpm", "rm"]) {
    const path = join(bin, name);
    const note = `printf '%s|' ${name} "$@" >> '${log}'; echo >> '${log}'`;
    await writeFile(path, `#!/bin/sh\n${note}\n${name === "dnf" ? dnf[kind] : ""}\n`);
    await chmod(path, 0o755);
  }
  const { status } = spawnSync("/bin/sh", ["-c", line], { env: { PATH: bin }, encoding: "utf8" });
  return { status, asked: (await readFile(log, "utf8")).trimEnd().split("\n") };
}

/** The commands of a Containerfile, with lines that go on joined. */
const runs = (containerfile: string): string[] =>
  containerfile
    .replaceAll("\\\n", "")
    .split("\n")
    .filter((line) => line.startsWith("RUN "))
    .map((line) => line.slice("RUN ".length));

const transaction = (): string => {
  const line = runs(planFor(everyChange).containerfile).find((one) => one.includes("firefox"));
  if (line === undefined) throw new Error("Nothing removes what was removed.");
  return line;
};

const files = "/tmp/rpms/replacements/*.rpm|/tmp/rpms/local/*.rpm";

test("what was removed goes in one transaction with what comes, so that nothing that needs it goes too", async () => {
  await using folder = await createWorkspace("migrate-containerfile");
  const { status, asked } = await inShell(folder, transaction(), "new");
  expect(status).toBe(0);
  expect(asked).toEqual([
    "dnf|do|--help|",
    `dnf|-y|--setopt=clean_requirements_on_remove=False|do|--action=remove|firefox|firefox-langpacks|--action=install|${files}|htop|vim-enhanced|pkgconfig(zlib)|`,
    "rm|-rf|/tmp/rpms|",
    "dnf|clean|all|",
  ]);
});

test("an older dnf loses what was removed alone, and what then lacks something ends the build", async () => {
  await using folder = await createWorkspace("migrate-containerfile");
  const { status, asked } = await inShell(folder, transaction(), "old");
  expect(status).toBe(0);
  expect(asked.slice(1)).toEqual([
    "rpm|--erase|--nodeps|firefox|firefox-langpacks|",
    `dnf|-y|install|${files}|htop|vim-enhanced|pkgconfig(zlib)|`,
    "dnf|check|--dependencies|",
    "rm|-rf|/tmp/rpms|",
    "dnf|clean|all|",
  ]);
  expect((await inShell(folder, transaction(), "old-and-broken")).status).not.toBe(0);
});

test("a removal without anything that comes is a whole transaction", async () => {
  await using folder = await createWorkspace("migrate-containerfile");
  const [line = ""] = runs(planFor({ "requested-base-removals": ["firefox"] }).containerfile);
  expect((await inShell(folder, line, "new")).asked[1]).toMatch(
    /\|do\|--action=remove\|firefox\|$/,
  );
  expect((await inShell(folder, line, "old")).asked.slice(1, 3)).toEqual([
    "rpm|--erase|--nodeps|firefox|",
    "dnf|check|--dependencies|",
  ]);
});
