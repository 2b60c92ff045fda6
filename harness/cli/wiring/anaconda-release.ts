/**
 * What the Anaconda of a release of Fedora knows. Its media have the Anaconda of their own number: Fedora 42 has 42.27, 43 has
 * 43.44 and 44 has 44.18 (packages.fedoraproject.org, anaconda-tui), and no media are made for updates.
 */
import type { KickstartCommand, KickstartLayout } from "../../../fixtures/kickstart.ts";
import type { InstallerImage } from "../../../images/image.ts";

/** Anaconda 44.3 brought the command `bootc`, and 45.17 mount points for it other than its own. */
const bootcFrom = 44;
const bootcMountPointsFrom = 45;

/** Why an installer cannot do what a kickstart would ask of it, as a sentence; null also for one of an unknown release. */
export function whyNotKnown(
  { fedora }: Pick<InstallerImage, "fedora">,
  command: KickstartCommand | undefined,
  layout: KickstartLayout | undefined,
): string | null {
  if (fedora === undefined || command !== "bootc") return null;
  const its = `the installer of Fedora ${fedora} is Anaconda ${fedora}`;
  if (fedora < bootcFrom)
    return `The kickstart command bootc is known to Anaconda from 44.3 on, and ${its}.`;
  if (fedora < bootcMountPointsFrom && layout === "custom")
    return `The kickstart command bootc installs on partitions of one's own with Anaconda from 45.17 on, and ${its}.`;
  return null;
}
