/** Firmware with Secure Boot and keys of the image's own, and a boot chain that is broken at each of its links. */
import { expect, test } from "vitest";
import { expectPassed, placeFor } from "./support/played.ts";

const place = placeFor("secure-boot");
const firmware = ["--firmware", "uefi-secure-boot"];
const previous = ["--previous", "reference-secure-boot:v1"];

test("a signed image boots, is forked, upgraded and rolled back", async () => {
  const stories = ["boot/secure-boot", "bootc/status", "bootc/upgrade-rollback"];
  const images = [...previous, "--candidate", "reference-secure-boot:v2"];
  const played = await place.play(["run", ...stories, ...images, ...firmware]);
  expectPassed(played, stories.length);
  const ids = played.events.flatMap((event) => (event.type === "deviation" ? [event.id] : []));
  expect(ids).toEqual(expect.arrayContaining(["secure-boot-keys", "fork"]));
});

test("an update whose kernel nobody signed is named by the boot that it does not survive", async () => {
  const images = [...previous, "--candidate", "reference-secure-boot:v2-unsigned-kernel"];
  const { code, output } = await place.play([
    ...["run", "bootc/staged-is-booted", ...images, ...firmware],
  ]);
  expect(code, output.slice(-3000)).toBe(1);
  expect(output).toMatch(/failed: .*GRUB may not start the kernel: its signature was refused/);
});

test("a machine with others' keys refuses what they did not sign", async () => {
  const words = ["run", "boot/secure-boot", "--candidate", "reference:v2", ...firmware];
  const { code, output } = await place.play(words);
  expect(code, output.slice(-3000)).toBe(1);
  expect(output).toMatch(/the firmware or shim refused a signature/);
});

test("what is broken is caught", () => place.catches("secure boot:"));
