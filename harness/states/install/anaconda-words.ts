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
      /\b(?:Saving|Checking) storage configuration|\bConfiguring storage\b|\bCreating (?:disklabel|\w+) on \/dev\//,
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
  // Said where the product has a licence, and before a prompt (pyanaconda, ui/tui/spokes/installation_progress.py).
  { stage: "complete", pattern: /^Installation complete(?:\.|$)/ },
  { stage: "reboot", pattern: /\breboot: (?:Restarting system|Power down|machine restart)/ },
];

const failure = new RegExp(
  [
    "The following problem occurred on line \\d+ of the kickstart file",
    "There was a problem reading from line \\d+ of the kickstart file",
    "An error occurred during reading the kickstart file",
    "There was an error running the kickstart script",
    "Kickstart (?:file is|is) missing\\b",
    "\\(Kickstart insufficient\\)",
    "mandatory spokes are not completed",
    "The installation was stopped due to",
    "Installation (?:was stopped|failed)\\b",
    "Running in cmdline mode, no interactive debugging allowed",
    // Its reason stands before what ends the installation (pyanaconda, ui/lib/storage.py and modules/storage/partitioning).
    "Failed to save (?:storage|boot ?loader) configuration",
    "(?:[Ss]torage|[Bb]oot ?loader) configuration (?:has )?failed",
    "\\bFound sanity error: ",
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
  // Installed, or nearly so: osbuild's kickstart says the first in the first of its scripts, Anaconda's log the second also
  // of an installation that failed, and the third stands before the scripts in RHEL and behind them in Fedora.
  nearlyDone:
    /\bInstall finished$|\bThe installation has finished\.$|\bStoring configuration files and kickstarts\b/,
  // Of a program that it starts, Anaconda tells the exit code alone; why is in the log of programs.
  quotedBefore: { lines: 3, pattern: /\bprogram: ?error: / },
  // systemd goes on telling that it waits (systemd, core/manager.c).
  idle: /\bJob \S+ running \(|\bjob is running for\b/,
};
