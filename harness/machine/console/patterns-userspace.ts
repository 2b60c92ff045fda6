/** Lines of an initramfs (dracut, initramfs-tools, ostree, bootc, Ignition) and of systemd that end a boot. */
import {
  booting,
  bySystemd,
  described,
  early,
  exactly,
  type FatalPattern,
  inInitrd,
  systemd,
} from "./console-pattern.ts";

/** The programs that make the deployment the root: ostree's, bootc's and composefs's own. */
const prepares =
  "ostree-prepare-root|bootc-root-setup|bootc-initramfs-setup|composefs-setup-root|initramfs-setup";

const gaveUp = "the boot gave up and opened an emergency shell";

const shells: readonly FatalPattern[] = [
  {
    name: "emergency-shell",
    // Of systemd's shells and of sulogin(8), in the initramfs and behind it; a quiet boot has not shown any stage before.
    regex:
      /^ {0,9}(?:You are (?:in (?:emergency|rescue) mode|now being dropped into an emergency shell)|Welcome to (?:emergency|rescue) mode! After logging in|Give root password for (?:maintenance|system maintenance|login)|\(or (?:press|type) Control-D to continue\)|Entering emergency mode|Cannot open access to console, the root account is locked|sulogin: (?:cannot |can't |failed |crypt |root account |no password )|Press Enter for (?:system )?(?:maintenance|emergency shell))/,
    meaning: gaveUp,
    prompt: true,
    stages: [...early, ...booting],
  },
  {
    name: "emergency-shell",
    // Of dracut (dracut-emergency.sh) and initramfs-tools (scripts/local, scripts/functions): there is no initramfs later.
    regex:
      /^ {0,9}(?:Generating "\/run\/initramfs\/rdsosreport\.txt"|Dropping (?:in)?to (?:a|debug|emergency) shell|\(initramfs\) ?$|ALERT! {1,3}(?:\/dev\/|[A-Z]{2,9}=).{1,300} does not exist|Gave up waiting for (?:root|suspend))/,
    meaning: gaveUp,
    prompt: true,
    stages: [...early, ...inInitrd],
  },
  {
    name: "emergency-target",
    regex: systemd(
      `Reached target ${exactly("emergency\\.target|rescue\\.target", "Emergency Mode|Rescue Mode")}|Started ${exactly("(?:emergency|rescue)\\.service", "(?:Emergency|Rescue) Shell")}`,
    ),
    meaning: "systemd gave up and entered emergency mode",
    stages: booting,
  },
];

const initramfs: readonly FatalPattern[] = [
  {
    name: "dracut-refused",
    regex:
      /dracut(?:-[a-z-]{1,40})?(?:\[\d{1,8}\])?:? (?:FATAL: |Refusing to continue|Warning: Could not boot|Warning: \/dev\/[^ ]{1,300} does not exist)|^ {0,9}(?:Refusing to continue|Warning: \/dev\/[^ ]{1,300} does not exist$)/,
    meaning: "the initramfs refused to continue",
    stages: inInitrd,
  },
  {
    name: "dracut-timeout",
    regex:
      /dracut-initqueue(?:\[\d{1,8}\])?: .{0,40}(?:timeout, still waiting for|initqueue timeout|starting timeout scripts)/,
    meaning: "the initramfs waits for a device that does not come",
    stages: inInitrd,
    graceMs: 10_000,
  },
  {
    name: "dracut-timeout",
    // Without dracut's queue only systemd tells, in a line that it redraws for ever (src/core/manager.c); a narrow terminal has the middle
    // of a unit's name cut. What device mapper makes waits for a passphrase.
    regex:
      /\b(?:A start job is running for \/dev\/(?!mapper\/)|Job dev-(?!mapper-))\S{1,200}.{0,60} \((?:[3-9]|\d{2,4})min .{0,20}\/ no limit\)/,
    meaning: "the initramfs waits for a device that does not come",
    stages: inInitrd,
    graceMs: 10_000,
  },
  {
    name: "prepare-root",
    // Left out is where it names the deployment and its settings: a path may hold any word.
    regex: new RegExp(
      `(?:${prepares})(?:\\[\\d{1,8}\\])?: (?!Resolved OSTree target to| {0,3}(?:INFO|DEBUG|TRACE) |[a-z.]{1,40} configuration value).{0,200}(?:[Ee]rror|[Ff]ailed|Couldn't|not found)|${systemd(`Failed to start ${described(`(?:${prepares})(?:\\.service)?|OSTree Prepare|(?:bootc|composefs)[^ ]{0,60}root`)}`).source}`,
    ),
    meaning: "the deployment could not be made the root file system",
    stages: inInitrd,
  },
  {
    name: "decrypt-failed",
    regex: systemd(`Failed to start ${described("Cryptography Setup|systemd-cryptsetup@")}`),
    meaning: "an encrypted disk could not be opened",
    stages: inInitrd,
    graceMs: 30_000,
  },
  {
    name: "root-mount-failed",
    regex: systemd(
      `(?:Failed to mount|Dependency failed for) ${described("/sysroot|sysroot\\.mount|Initrd Root|initrd-root-(?:fs|device)\\.target|Initrd Default")}`,
    ),
    meaning: "the root file system could not be mounted",
    stages: inInitrd,
  },
  {
    name: "ignition-failed",
    regex:
      /ignition(?:-[a-z-]{1,40})?(?:\[\d{1,8}\])?: (?:Ignition failed|CRITICAL|failed to run)|^ {0,9}Ignition has failed/,
    meaning: "Ignition failed, so that the system does not come up",
    stages: booting,
  },
  {
    name: "ignition-fetch",
    regex:
      /ignition(?:-[a-z-]{1,40})?(?:\[\d{1,8}\])?: (?:(?:GET|PUT) error: |(?:GET|PUT) https?:\/\/.{1,200}: attempt #\d)/,
    meaning: "Ignition tries again and again to fetch its configuration, and cannot",
    stages: booting,
    // Each try is a line, and most of its failures another.
    times: 24,
    proof: "doubtful",
    howTo:
      "the harness closes the guest's network; does the image need an address that lies outside?",
  },
];

const system: readonly FatalPattern[] = [
  {
    name: "local-file-systems-failed",
    regex: systemd(`Dependency failed for ${exactly("local-fs\\.target", "Local File Systems")}`),
    meaning: "a file system that the image needs could not be mounted",
    // In either place emergency.target is what follows (units/local-fs.target, OnFailure=).
    stages: ["initrd", "userspace"],
  },
  {
    name: "fsck-by-hand",
    regex: /UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY/,
    meaning: "a file system is damaged and waits to be repaired by hand",
    graceMs: 30_000,
    stages: booting,
  },
  {
    name: "switch-root-failed",
    regex: new RegExp(
      `Failed to switch root|${systemd(`Failed to start ${described("initrd-switch-root\\.service|Switch Root")}`).source}|${bySystemd}(?:Freezing execution|!!!!!! )|\\[!!!!!!\\]`,
    ),
    meaning: "systemd could not go on and froze",
    stages: booting,
  },
  {
    name: "init-not-found",
    regex:
      /^ {0,9}(?:(?:Cannot|Can't) find init|No init found\. Try passing init=|Target filesystem doesn't have requested|switch_root: failed to execute)|dracut(?:\[\d{1,8}\])?: (?:FATAL: )?(?:Cannot|Can't) find init/,
    meaning: "the root file system has no init to start",
    stages: booting,
  },
  {
    name: "switch-root-loop",
    regex: /systemd\[1\]: Running in initrd\./,
    meaning: "the initramfs starts itself over and over and never reaches the real root",
    stages: booting,
    times: 3,
  },
  {
    name: "ordering-cycle",
    // The status line (src/core/transaction.c) and the journal's lines word it differently; both are of systemd itself.
    regex: new RegExp(
      `(?:^ {0,9}|\\] {0,9})Ordering cycle found, skipping|${bySystemd}.{0,300}(?:[Ff]ound ordering cycle|[Oo]rdering cycle found|to break ordering cycle|[Uu]nable to break cycle)`,
    ),
    meaning: "units wait for each other in a circle and systemd dropped one",
    goesOn: true,
  },
  {
    name: "greenboot-red",
    regex: new RegExp(
      `greenboot(?:-[a-z-]{1,40})?(?:\\[\\d{1,8}\\])?: .{0,120}(?:Boot Status is RED|health check failure|rebooting to try again|manual intervention required)|${systemd(`Failed to start greenboot-healthcheck\\.service|Reached target ${described("redboot\\.target")}`).source}`,
    ),
    meaning: "the image's own health check failed (greenboot)",
    stages: booting,
  },
];

export const userspaceFatal: readonly FatalPattern[] = [...shells, ...initramfs, ...system];
