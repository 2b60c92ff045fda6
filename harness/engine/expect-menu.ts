/** The claim about GRUB's menu that several stories make. */
import type { Guest } from "../guest/guest.ts";
import { type BootEntry, grubOf } from "../guest/tools/grub.ts";
import { type GrubMenu, placesOf } from "../machine/console/grub-screen.ts";
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

/** The menu that was shown has the entry of each deployment once: a script may write what entries say too (fedora-silverblue/issue-tracker#120). */
export function expectShown(menu: GrubMenu, entries: readonly BootEntry[]): void {
  const deployed = entries.filter(({ deployment }) => deployment !== null);
  expectEqual(
    "The list of deployments that the menu does not show just once",
    deployed.map(({ title }) => title).filter((title) => placesOf(menu, title).length !== 1),
    [],
  );
}
