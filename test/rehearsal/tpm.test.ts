/** A root that a TPM is to unlock: what cannot be judged is skipped, and who let the guest in decides whose fault it is. */
import { expect, test } from "vitest";
import { Secret } from "../../harness/base/secrets.ts";
import type { MachineDriver, MachineSpec } from "../../harness/machine/machine.ts";
import { rehearse, timeScales } from "./rehearse.ts";

const story = "boot/tpm-unlock";

/** The driver whose machines are made otherwise than the run says. */
const withSpec =
  (change: Partial<MachineSpec>) =>
  (driver: MachineDriver): MachineDriver => ({
    ...driver,
    create: (spec, how) => driver.create({ ...spec, ...change }, how),
  });

test.each([
  ["passphrase", "The LUKS header of the root has no token of a TPM (systemd-tpm2)."],
  ["pin", "The TPM opens the root only with a PIN, which nobody types."],
  ["luks1", "The root lies on LUKS of version 1, whose header has no tokens."],
] as const)("a root with %s alone is skipped", async (rootLock, reason) => {
  const { outcome } = await rehearse(story, null, { world: { rootLock } });
  expect(outcome).toEqual({ kind: "skipped", reason });
});

test("what it is bound to is told", async () => {
  const { attempts } = await rehearse(story, null);
  expect(attempts[0]?.notes).toContain(
    "The root lies on LUKS (/dev/vda3), and the TPM opens it by a token that is bound to PCR 7; neither kernel arguments nor crypttab ask for it.",
  );
});

const diskPassphrase = "a passphrase that is known";
const passphrase = new Secret(diskPassphrase);

test("a first boot that a passphrase let in says nothing of the image", async () => {
  const { outcome } = await rehearse(story, null, {
    diskPassphrase,
    driver: withSpec({ passphrase, tpm: {} }),
  });
  expect(outcome).toMatchObject({
    kind: "broken",
    error: { headline: expect.stringMatching(/^The TPM did not open the root of guest/) },
  });
  expect(JSON.stringify(outcome)).toContain("the machine's TPM is new");
});

test("one that nobody could type is broken where the disk is somebody else's", async () => {
  const driver = withSpec({ passphraseUntold: true, tpm: {} });
  const { outcome } = await rehearse(story, null, { driver, patience: timeScales.sabotaged });
  expect(outcome).toMatchObject({
    kind: "broken",
    error: { headline: "The disk asks for a passphrase that bootgate was not told." },
  });
});

test.each([false, true])(
  "a boot after the upgrade that asks is the image's failure, told: %s",
  async (isTold) => {
    // What is typed waits until the console is quiet, so that takes longer than a question which nobody answers.
    const told = { diskPassphrase, driver: withSpec({ passphrase }), patience: 1 };
    const { outcome } = await rehearse(story, "tpm-refuses", {
      ...(isTold ? told : { driver: withSpec({ passphraseUntold: true }) }),
      timeScale: timeScales.well,
    });
    expect(outcome).toMatchObject({
      kind: "failed",
      error: {
        headline: expect.stringMatching(
          /^After the upgrade the TPM does not open the root of guest 'previous': the boot asks/,
        ),
      },
    });
  },
);
