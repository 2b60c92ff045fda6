/** The script that finds whose files differ between two commits: run by a real shell, with an ostree and an rpm that print what the real ones did. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { commands } from "../../harness/guest/commands.ts";

/** As ostree 2026.4 prints it: a folder that is gone alone, one that is new with all that is in it. */
const diff = `M    /usr/share/app/about
M    /usr/share/two words/about
M    /usr/etc/app.conf
M    /usr/lib/sysimage/rpm/rpmdb.sqlite
M    /usr/share/nobody/owns/this
M    /opt/other/about
D    /usr/share/gone
D    /usr/lib/modules/6.1
A    /usr/share/new
A    /usr/share/new/about
`;

/** As rpm 6.1 prints it: the letters of a file stand before its path. */
const owned = `/usr/share/app	app-1-1.noarch
/usr/share/app/about	app-1-1.noarch
c/etc/app.conf	app-1-1.noarch
d/usr/share/two words/about	two-words-1-1.noarch
/usr/share/gone	gone-2-1.noarch
/usr/share/gone/about	gone-2-1.noarch
/lib/modules/6.1	kernel-core-6.1-1.x86_64
/lib/modules/6.1/vmlinuz	kernel-core-6.1-1.x86_64
g/usr/lib/sysimage/rpm/rpmdb.sqlite	rpm-6-1.x86_64
/usr/share/new/about	new-1-1.noarch
/usr/share/same/about	same-1-1.noarch
/opt/other/about	other-1-1.noarch
`;

function run(ostree: string): { readonly stdout: string; readonly left: readonly string[] } {
  const root = mkdtempSync(join(tmpdir(), "bootgate-owners-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const [bin, tmp] = [join(root, "bin"), join(root, "tmp")];
  for (const folder of [bin, tmp]) mkdirSync(folder);
  writeFileSync(join(root, "diff"), diff);
  writeFileSync(join(root, "owned"), owned);
  for (const [name, line] of Object.entries({ ostree, rpm: `cat '${join(root, "owned")}'` })) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${line.replace("DIFF", join(root, "diff"))}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const env = { PATH: `${bin}:${process.env.PATH}`, TMPDIR: tmp };
  const line = commands.rpmOwnersOfDifferences("one", "other");
  const stdout = execFileSync("/bin/sh", ["-c", `${line} 2>&1; echo "exit $?"`], {
    ...{ env, encoding: "utf8" },
  });
  return { stdout, left: readdirSync(tmp) };
}

test("it names the packages of files that were changed or are gone, and leaves nothing behind", () => {
  const found = [
    ...["app-1-1.noarch", "gone-2-1.noarch", "kernel-core-6.1-1.x86_64"],
    ...["two-words-1-1.noarch", "exit 0", ""],
  ];
  const asked = '[ "$*" = "diff --repo=/sysroot/ostree/repo one other" ] && cat \'DIFF\'';
  expect(run(asked)).toEqual({ stdout: found.join("\n"), left: [] });
});

test("it fails where ostree does", () => {
  expect(run("echo no such commit; exit 1")).toEqual({ stdout: "exit 1\n", left: [] });
});
