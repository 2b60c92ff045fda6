/** A soft reboot is proved by systemd's own count and by the boot ID that stays. */
import { expect, test } from "vitest";
import { expectEqual, scenario } from "../../harness/index.ts";
import { rehearseStory } from "./rehearse.ts";

const definition = scenario({
  summary: "Soft reboot",
  needs: { images: ["candidate"] },
  timeoutMinutes: 5,
  async run({ images: { candidate }, boot, step }) {
    await using guest = await boot(candidate);
    const before = await guest.bootId();
    await step("user space starts again", () => guest.softReboot());
    await step("the kernel is the same", async () => {
      expectEqual("The boot ID", await guest.bootId(), before);
    });
  },
});

test("passes when systemd counts one more", async () => {
  const { outcome } = await rehearseStory({ id: "test/soft", definition }, null);
  expect(outcome).toEqual({ kind: "passed" });
});

test("fails when nothing was restarted", async () => {
  const { outcome } = await rehearseStory({ id: "test/soft", definition }, "same-boot");
  expect(outcome).toMatchObject({
    kind: "failed",
    error: {
      type: "ExpectationFailed",
      headline: expect.stringMatching(/asked for a soft reboot, but the same user space answers/),
    },
  });
});
