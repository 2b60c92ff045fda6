/**
 * What GRUB left in its environment, as it was before a service of the boot could change it: health checks take the boot counter away as
 * soon as a boot is a good one (greenboot-rs, `src/lib/grub.rs`, `set_boot_status`), and what GRUB did with it is gone by then.
 */
import { quoteArgument } from "../base/quote.ts";
import { commands } from "../guest/commands.ts";
import type { Guest } from "../guest/guest.ts";
import { grubEnvironmentPath, grubOf } from "../guest/tools/grub.ts";
import { prepareGuest } from "./prepare-guest.ts";

const unit = "bootgate-kept-environment.service";
const kept = "/run/bootgate-grubenv";

/** What is not told otherwise starts after sysinit.target (systemd.service(5), "Default Dependencies"), so this comes first. */
const unitText = [
  "[Unit]",
  "Description=Keep the environment of GRUB for bootgate",
  "DefaultDependencies=no",
  "RequiresMountsFor=/boot",
  "After=local-fs.target",
  "Before=sysinit.target",
  "",
  "[Service]",
  "Type=oneshot",
  `ExecStart=/usr/bin/cp ${grubEnvironmentPath} ${kept}`,
  "",
  "[Install]",
  "WantedBy=sysinit.target",
  "",
].join("\n");

/** Has each boot of the running deployment keep GRUB's environment from now on. Throws CannotTell where that could not be done. */
export async function keepEnvironment(guest: Guest): Promise<void> {
  const path = `/etc/systemd/system/${unit}`;
  const line = `printf %s ${quoteArgument(unitText)} > ${path} && systemctl enable ${unit}`;
  await prepareGuest(guest, "made to keep GRUB's environment", `sh -c ${quoteArgument(line)}`);
}

/** GRUB's environment as it was at the start of this boot, by name; null where the boot did not keep it, as with an /etc that is in memory. */
export async function keptEnvironment(
  guest: Guest,
): Promise<Readonly<Record<string, string>> | null> {
  const { exitCode } = await guest.exec(commands.isFile(kept));
  return exitCode === 0 ? grubOf(guest).environment(kept) : null;
}
