/** How programs of another architecture are run when the reference OS is built for it. */
import { mkdir, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HostUnfit } from "../../harness/base/errors.ts";
import type { Architecture } from "../../images/image.ts";
import {
  findForeignWay,
  isNative,
  requireOwnRule,
  servesChroots,
} from "../../images/reference/foreign.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const foreign: Architecture = arch() === "arm64" ? "x86_64" : "aarch64";
/** As the kernel tells a rule of Debian's qemu-user-static, and one of Fedora's. */
const rule = (
  state: string,
  flags: string,
  interpreter = `/usr/libexec/qemu-binfmt/${foreign}-binfmt-P`,
) => `${state}\ninterpreter ${interpreter}\nflags: ${flags}\noffset 0\nmagic 7f454c46\n`;

describe("a rule of the kernel", () => {
  test.each<[string, string, boolean]>([
    ["of Debian's package", rule("enabled", "POF"), true],
    ["of Fedora's package", rule("enabled", "F", `/usr/bin/qemu-${foreign}-static`), true],
    ["that is switched off", rule("disabled", "POF"), false],
    ["whose emulator a tree would have to have", rule("enabled", "OC"), false],
    ["of another architecture", rule("enabled", "F", "/usr/bin/qemu-riscv64-static"), false],
    ["that cannot be read", "", false],
  ])("%s", (_title, text, serves) => {
    expect(servesChroots(text, foreign)).toBe(serves);
  });
});

test("a host that has a rule is used as it is, another gets one of its packages, and one without is told what to install", async () => {
  await using folder = await temporaryFolder();
  const [kernel, packaged] = [join(folder.path, "kernel"), join(folder.path, "binfmt.d")];
  await mkdir(kernel);
  await mkdir(packaged);
  const places = { kernel, rules: [packaged] };
  const refused = findForeignWay(foreign, places);
  await expect(refused).rejects.toThrow(HostUnfit);
  await expect(refused).rejects.toThrow(/apt install qemu-user-static/);
  const own = join(packaged, `qemu-${foreign}.conf`);
  await writeFile(join(packaged, "qemu-riscv64.conf"), "");
  await writeFile(own, "");
  expect(await findForeignWay(foreign, places)).toEqual({ kind: "own", rule: own });
  await writeFile(join(kernel, "status"), "enabled");
  await writeFile(join(kernel, `qemu-${foreign}`), rule("enabled", "POF"));
  expect(await findForeignWay(foreign, places)).toEqual({ kind: "host" });
});

test("the host's own programs need no rule", async () => {
  const own: Architecture = foreign === "aarch64" ? "x86_64" : "aarch64";
  expect([isNative(own), isNative(foreign)]).toEqual([true, false]);
  const nowhere = { kernel: "/nonexistent", rules: [] };
  expect(await findForeignWay(own, nowhere)).toEqual({ kind: "host" });
});

test.each([
  ["a kernel without rules for one build alone", 90, /Linux 6\.7: binfmt_misc: Operation not perm/],
  ["anything else", 1, /reason +binfmt_misc: Operation not permitted/],
])("%s is refused with the one command to type", (_title, exitCode, reason) => {
  const stderr = "binfmt_misc: Operation not permitted\n";
  const trial = () => requireOwnRule("aarch64", { exitCode, stdout: "", stderr });
  expect(trial).toThrow(HostUnfit);
  expect(trial).toThrow(reason);
  expect(trial).toThrow(/sudo systemctl restart systemd-binfmt/);
  expect(() => requireOwnRule("aarch64", { exitCode: 0, stdout: "", stderr: "" })).not.toThrow();
});
