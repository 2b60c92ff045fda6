/**
 * What Anaconda says of its stages and failures (rhinstaller/anaconda, pyanaconda/installation.py), with the programs that
 * it starts, and the kernel.
 */
import type { InstallerWords } from "./installer-stages.ts";

const signs: InstallerWords["signs"] = [
  { stage: "kernel", pattern: /\bLinux version \d/ },
  { stage: "dracut", pattern: /\bdracut\b|Running in initrd\b/ },
  {
    stage: "anaconda",
    pattern: /^anaconda \S+ .*started\.|Starting installer, one moment|\banaconda: .*\bstarted\b/,
  },
  {
    stage: "storage",
    pattern:
      /\bChecking storage configuration|\bConfiguring storage\b|\bCreating (?:disklabel|\w+) on \/dev\//,
  },
  {
    stage: "payload",
    pattern:
      /\bDeployment starting:|\bBootc deployment in progress:|\bostree image deploy starting|\bStarting package installation process/,
  },
  { stage: "bootloader", pattern: /\bInstalling boot ?loader|\bbootupctl backend install\b/ },
  {
    stage: "post",
    pattern:
      /\bPerforming post-installation setup tasks|\bConfiguring installed system|\bRunning post-installation scripts/,
  },
  { stage: "complete", pattern: /^Installation complete(?:\.|$)|\bInstall finished$/ },
  { stage: "reboot", pattern: /\breboot: (?:Restarting system|Power down|machine restart)/ },
];

const failure = new RegExp(
  [
    "The following problem occurred on line \\d+ of the kickstart file",
    "There was a problem reading from line \\d+ of the kickstart file",
    "An error occurred during reading the kickstart file",
    "There was an error running the kickstart script",
    "Kickstart (?:file|is missing|insufficient)\\b.*(?:missing|insufficient)",
    "The installation was stopped due to",
    "Installation (?:was stopped|failed)\\b",
    "Running in cmdline mode, no interactive debugging allowed",
    "[Ss]torage configuration failed",
    "bootc installation failed, see the logs below",
    "The installer will now terminate",
    "An unknown error has occur+ed",
    "^Traceback \\(most recent call last\\)",
    "dracut: FATAL",
    "Warning: dracut-initqueue(?:\\[\\d+\\])?:? timeout - starting timeout scripts$",
  ].join("|"),
);

export const anaconda: InstallerWords = {
  signs,
  failure,
  quotedBefore: 0,
  // systemd goes on telling that it waits (systemd, core/manager.c).
  idle: /\bJob \S+ running \(|\bjob is running for\b/,
};
