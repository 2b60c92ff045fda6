/** What a guest of a bare disk says that it is: a question that no story asks is not held against it. */
import { expect, test } from "vitest";
import {
  CannotTell,
  CommandFailed,
  ExpectationFailed,
  GuestTooSlow,
  MachineFault,
} from "../../harness/base/errors.ts";
import { RunClaims } from "../../harness/engine/claims.ts";
import type { Guest } from "../../harness/guest/guest.ts";

const image = { name: "disk.qcow2", digest: "sha256:x", manifest: null };

/** Asks a guest whose bootc ends so. */
function hear(error: Error): Promise<void> {
  const aside = { name: "candidate", timeScale: 1, exec: () => Promise.reject(error) };
  const guest = { name: "candidate", image, aside } as unknown as Guest;
  return new RunClaims().hear(guest, () => undefined, "boot/health@x");
}

test.each([GuestTooSlow, CannotTell, CommandFailed, ExpectationFailed])(
  "a status that ends with %o pins nothing",
  async (Kind) => {
    await hear(new Kind("'bootc status --format=json' did not end within 60 s."));
  },
);

test("a machine that has died is another matter", async () => {
  await expect(hear(new MachineFault("QEMU has died."))).rejects.toThrow(/QEMU has died/);
});
