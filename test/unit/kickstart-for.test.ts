// Which kickstart an installer gets, and the passphrase of the disk that it encrypts.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { type InstallOptions, kickstartFor } from "../../harness/cli/wiring/install-options.ts";
import { defaultRecipe } from "../../harness/states/build/recipe.ts";
import { judgeInstaller } from "../../harness/states/install/installer-words.ts";
import type { InstallerImage } from "../../images/image.ts";
import { installerIso, isoImage } from "./support/installer-iso.ts";

const iso: InstallerImage = { ...installerIso, carriesImage: true };

let folder = "";
let file = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-kickstart-"));
  file = join(folder, "passphrase");
  await writeFile(file, "correct horse\n");
});
afterAll(() => rm(folder, { recursive: true }));

const ask = (
  options: InstallOptions & { readonly filesystem?: "xfs" | "btrfs" },
  installer = iso,
) => {
  const { filesystem = null, ...rest } = options;
  const wish = { ...defaultRecipe, filesystem };
  const registry = { address: "10.0.2.100", port: 5000 };
  return kickstartFor(isoImage(installer), { ...rest, wish, registry });
};

test("an encrypted disk has a passphrase of its own, another one each time", async () => {
  const [one, other] = [
    await ask({ kickstartLayout: "luks" }),
    await ask({ kickstartLayout: "luks" }),
  ];
  const revealed = one.passphrase?.reveal() ?? "";
  expect(one.text).toContain(`--encrypted --luks-version=luks2 --passphrase=${revealed}\n`);
  expect(revealed).toMatch(/^[0-9a-f]{24}$/);
  expect(other.passphrase?.reveal()).not.toBe(revealed);
});

test("a person's passphrase goes into the kickstart that is made, and with the person's own to the disk", async () => {
  const made = await ask({ kickstartLayout: "luks", passphraseFile: file });
  expect(made.text).toContain('--passphrase="correct horse"\n');
  expect(made.passphrase?.reveal()).toBe("correct horse");
  const kickstart = join(folder, "mine.ks");
  await writeFile(kickstart, "autopart --encrypted\n");
  const own = await ask({ kickstart, passphraseFile: file });
  expect([own.author, own.passphrase?.reveal()]).toEqual(["caller", "correct horse"]);
  const its = await ask({ passphraseFile: file }, { ...iso, arguments: ["inst.ks=cdrom:/a.ks"] });
  expect([its.author, its.passphrase?.reveal()]).toEqual(["iso", "correct horse"]);
});

test("a passphrase for a disk that nothing encrypts is a mistake of the command line", async () => {
  await expect(ask({ passphraseFile: file })).rejects.toThrow(/Nothing on the disk is encrypted/);
  const wrong = ask({ kickstartLayout: "custom", passphraseFile: file });
  await expect(wrong).rejects.toBeInstanceOf(UsageError);
  expect((await ask({ kickstartLayout: "custom" })).passphrase).toBeUndefined();
});

test.each([
  ["automatic", "xfs", /^autopart --type=plain --fstype=xfs /m],
  ["automatic", "btrfs", /^autopart --type=btrfs /m],
  ["custom", "xfs", /^part \/ --fstype=xfs /m],
  ["custom", "btrfs", /^btrfs \/ --subvol --name=root LABEL=root$/m],
  ["luks", "btrfs", /^autopart --type=btrfs .* --encrypted /m],
] as const)("%s partitions on %s", async (kickstartLayout, filesystem, expected) => {
  expect((await ask({ kickstartLayout, filesystem })).text).toMatch(expected);
});

test.each([
  'storage configuration failed: The "f2fs" file system type is not supported.',
  "storage configuration failed: LUKS device vda4 has no encryption key.",
])("%s is the kickstart's fault", (line) => {
  expect(judgeInstaller([line])).toMatchObject({ blame: "kickstart", line });
});
