/** What an installer says while all goes well, and how it is followed. */
import { anaconda } from "../../../harness/states/install/anaconda-words.ts";
import { InstallProgress } from "../../../harness/states/install/installer-stages.ts";

/** An installation that says a line a second. */
export function play(lines: readonly string[]): InstallProgress {
  const progress = new InstallProgress(0, anaconda);
  for (const [index, line] of lines.entries()) progress.feed(line, (index + 1) * 1000);
  return progress;
}

export const good = [
  "[    0.000000] Linux version 6.17.1-300.fc43.x86_64 (mockbuild@x) (gcc) #1 SMP",
  "[    3.1] systemd[1]: Running in initrd.",
  "[    5.0] dracut-pre-udev[400]: rpc.idmapd",
  "Starting installer, one moment...",
  "anaconda 43.44-1.fc43 for Fedora 43 started.",
  "Checking storage configuration...",
  "Creating disklabel on /dev/vda",
  "Creating ext4 on /dev/vda3",
  "Deployment starting: /run/install/repo/container",
  "Deployment complete: /run/install/repo/container",
  "Installing boot loader",
  "Performing post-installation setup tasks",
  "Running post-installation scripts",
  "Installation complete",
  "[  312.0] reboot: Restarting system",
];

/** How Anaconda begins to tell that it stops. */
export const stop = [
  "The installation was stopped due to an error which occurred while running in non-interactive cmdline mode. Since there cannot be any questions in cmdline mode, edit your kickstart file and retry installation.",
  "The exact error message is:",
];
