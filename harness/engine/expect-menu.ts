/** The claim about GRUB's menu that several stories make. */
import type { Guest } from "../guest/guest.ts";
import { grubOf } from "../guest/tools/grub.ts";
import { expectEqual, expectThat } from "./expect.ts";

/** The menu has one entry for each deployment, and the one that boots by itself is the one that is booted. */
export async function expectMenu(guest: Guest): Promise<void> {
  // Others may stand among them: a memory test, a rescue system.
  const entries = (await grubOf(guest).entries()).filter(({ deployment }) => deployment !== null);
  const deployments = await guest.ostree.deployments();
  expectEqual(
    "The number of boot loader entries",
    entries.length,
    deployments.filter(({ staged }) => !staged).length,
  );
  const first = entries[0]?.deployment ?? "no entry";
  const booted = await guest.kernelArguments();
  expectThat(booted.includes(first), "The first entry of the menu is not the one that is booted.", {
    first,
    booted: booted.find((word) => word.startsWith("ostree=")) ?? "not by ostree",
  });
}
