/** A disk that an installer encrypted: its passphrase is typed at each boot, told to nobody, and refused in plain words. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Secret } from "../../harness/base/secrets.ts";
import { scenario } from "../../harness/index.ts";
import type { Image } from "../../images/image.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";
import { expectSound, folder, play, useFolder } from "./play.ts";
import { simulatedImage } from "./rehearse.ts";

useFolder();

const reboots = {
  id: "reboots",
  definition: scenario({
    summary: "Reboots once",
    needs: { images: ["candidate"] },
    timeoutMinutes: 1,
    async run({ images: { candidate }, boot, step }) {
      await using guest = await boot(candidate);
      await step("it reboots", () => guest.reboot());
    },
  }),
};

const right = "a passphrase of 28 letters.";

/** A run on a disk that this opens, with an image whose passphrase is known to be that. */
async function playWith(diskPassphrase: string, known: string | undefined, isUntold = false) {
  const image = simulatedImage("v2", "2");
  if (image.disk === null) throw new TypeError("Simulated images have a disk.");
  const passphrase = known === undefined ? undefined : new Secret(known);
  const disk = { ...image.disk, passphrase, passphraseUntold: isUntold };
  const candidate: Image = { ...image, disk };
  // A question that nobody answers is waited for, so there the console is looked at with less patience.
  const patience = known === undefined ? 0.02 : 1;
  const world = new SimulatedWorld();
  const driver = createSimulatedDriver({ world, diskPassphrase, patience });
  const run = await play([reboots], { driver, candidate, recheckCold: false });
  await expectSound(run);
  const [job] = run.model.jobs;
  return { run, job };
}

/** Every file of the runs below a folder, in one text. */
async function everything(from: string): Promise<string> {
  const names = await readdir(from, { recursive: true });
  const texts = names.map(async (name) => {
    const path = join(from, name);
    return (await stat(path)).isFile() ? readFile(path, "latin1") : "";
  });
  return (await Promise.all(texts)).join("\n");
}

test("it is typed at each boot, said as a deviation, and stands in no file", async () => {
  const { job } = await playWith(right, right);
  expect(job?.outcome?.kind).toBe("passed");
  const files = await everything(folder());
  expect(files.match(/Please enter passphrase for disk luks-1/g)?.length).toBeGreaterThanOrEqual(2);
  expect(files).toContain('"passphrase-typed"');
  expect(files).not.toContain(right);
});

test("a wrong one is not typed again and again, and is not the image's fault", async () => {
  const { job } = await playWith(right, "another passphrase");
  expect(job?.outcome?.kind).toBe("broken");
  expect(JSON.stringify(job)).toMatch(/the passphrase that was typed does not open its disk/);
  const files = await everything(folder());
  expect(files).not.toContain("another passphrase");
});

test.each([
  [true, "broken", /The disk asks for a passphrase that bootgate was not told/],
  [false, "failed", /the boot waits for a passphrase that nobody enters/],
])(
  "one that nobody told, of a disk of somebody else's: %s, is %s",
  async (isUntold, kind, words) => {
    const { job } = await playWith(right, undefined, isUntold);
    expect(job?.outcome?.kind).toBe(kind);
    expect(JSON.stringify(job)).toMatch(words);
  },
);
