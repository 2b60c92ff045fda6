/** Builders that work on the host itself, with what the host really has: tests elsewhere have fakes of its programs. */
import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { expectPassed, placeFor } from "./support/played.ts";

const place = placeFor("builders");
/** The builder needs root, and a kernel that gives it loop devices. */
const canLoop = process.getuid?.() === 0 && (await readdir("/dev")).includes("loop-control");

test.skipIf(!canLoop)("a disk that the host itself makes boots", async () => {
  const words = ["run", "boot/health", "--candidate", "reference:v2", "--firmware", "bios"];
  const played = await place.play([...words, "--builder", "host"]);
  expectPassed(played, 1);
  const built = played.events.find(
    (event) => event.type === "deviation" && event.id === "disk-built",
  );
  expect(built).toMatchObject({ text: expect.stringMatching(/builder 'host'/) });
});
