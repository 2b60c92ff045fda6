/** bootc's composefs backend with systemd-boot on real disks: each version installs itself in a helper machine, and the stories play on it. */
import { expect, test } from "vitest";
import { expectPassed, notesOf, placeFor } from "./support/played.ts";

const place = placeFor("composefs");
const backend = ["--backend", "composefs", "--bootloader", "systemd", "--firmware", "uefi"];
const images = ["--previous", "reference:v1", "--candidate", "reference:v2"];

test("the stories of the suite gate pass", async () => {
  expectPassed(await place.play(["run", "--suite", "gate", ...images, ...backend]), 7);
});

const bootc = [
  ...["download-only", "rollback-undone", "three-generations", "kargs"],
  ...["upgrade-check", "upgrade-apply", "usr-overlay"],
].map((name) => `bootc/${name}`);
const root = ["setting", "etc-var", "tampered-object", "tampered-image", "tampered-device"].map(
  (name) => `composefs/${name}`,
);

test.each([
  ["of bootc's further commands", bootc],
  ["about the root itself", root],
])("the stories %s pass", async (_which, stories) => {
  expectPassed(await place.play(["run", ...stories, ...images, ...backend]), stories.length);
});

test("an initramfs that does not measure the image of the root is caught", async () => {
  const words = ["run", "composefs/tampered-image", "--candidate", "reference:v2-unmeasured"];
  const { code, output } = await place.play([...words, ...backend]);
  expect(code, output.slice(-3000)).toBe(1);
  expect(output).toMatch(/booted although the image of its root was changed/);
});

test.each([
  ["where the image requires fs-verity", ["--candidate", "reference:v2-verity"], /fs-verity \(/],
  [
    "on btrfs, which has a checksum of it",
    ["--candidate", "reference:v2", "--filesystem", "btrfs"],
    /BTRFS warning/,
  ],
])("a block that is changed on the disk is refused %s", async (_where, words, says) => {
  const played = await place.play(["run", "composefs/tampered-device", ...words]);
  expectPassed(played, 1);
  expect(notesOf(played.events)).toMatch(says);
});
