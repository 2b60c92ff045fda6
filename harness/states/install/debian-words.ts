/**
 * What Debian's installer says with its text frontend: the titles of its progress bars (the templates of each component)
 * and the frontend's own words (cdebconf, modules/frontend/text/text.c). A question means that it waits for somebody.
 */
import type { InstallerWords } from "./installer-stages.ts";

export const debianInstaller: InstallerWords = {
  signs: [
    { stage: "kernel", pattern: /\bLinux version \d/ },
    {
      stage: "debian-installer",
      pattern: /^Starting system log daemon: syslogd|^(?:Detecting|Configuring the) network\b/,
    },
    {
      stage: "storage",
      pattern: /^Starting up the partitioner\b|^(?:Detecting disks|Partitions formatting)\b/,
    },
    { stage: "payload", pattern: /^Installing the base system\b/ },
    { stage: "bootloader", pattern: /^Installing (?:the )?GRUB boot ?loader\b/i },
    { stage: "post", pattern: /^Finishing the installation\b/ },
    { stage: "complete", pattern: /^Finishing the installation\b.*\b9\d%/ },
    { stage: "reboot", pattern: /\breboot: (?:Restarting system|Power down|machine restart)/ },
  ],
  failure: /^Prompt: '\?' for help|^An installation step failed\.|^!! ERROR: /,
  nearlyDone: null,
  quotedBefore: { lines: 12, pattern: null },
  // The status line of the screen program tells the time (debian-installer, rootskel's screenrc).
  idle: /\(\d\*(?:start|installer|shell|log)\)|^Prompt: .*> $/,
};
