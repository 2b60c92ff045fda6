/** What each story of dnf5 has to catch, and what it says of a bootc that is too old for it. */
import type { SabotageName } from "../simulated/sabotages.ts";

export type Caught = readonly [sabotage: SabotageName, outcome: "failed" | "broken", step: RegExp];

export const dnf5Caught: Readonly<Record<string, readonly Caught[]>> = {
  "dnf5/refusal": [
    ["dnf-opens-usr", "failed", /^what changes the system is refused/],
    ["dnf-refuses-late", "failed", /^what changes the system is refused/],
    ["dnf-locks-usr", "failed", /^queries are answered$/],
    ["usr-writable", "failed", /^the system is as it was$/],
  ],
  "dnf5/transient": [
    ["overlay-open", "failed", /^nobody else can write to \/usr$/],
    ["overlay-stays", "failed", /^after a reboot all of it is gone$/],
  ],
  "dnf5/payloads": [
    ["scriptlets-skipped", "failed", /^the files are there, and the scriptlet has run$/],
    ["overlay-stays", "failed", /^after a reboot what is outside \/usr has stayed/],
  ],
  "dnf5/persistence": [
    ["dnf-persists", "failed", /^a persistent transaction is refused$/],
    ["overlay-open", "failed", /^a transient transaction is one without --transient$/],
  ],
  "dnf5/not-bootc": [
    ["dnf-claims-bootc", "failed", /^an installation is refused in general words$/],
  ],
  "dnf5/usr-overlay": [
    ["overlay-ignored", "failed", /^the overlay opens \/usr$/],
    ["overlay-stays", "failed", /^after a reboot the package is gone$/],
  ],
  "dnf5/drift": [["drift-ignored", "failed", /^a change of a protected path is refused/]],
  "dnf5/upgraded-state": [
    ["stays-on-old", "failed", /^the new boot has the packages of v2/],
    ["history-stays", "failed", /^dnf5 knows the same packages as rpm/],
  ],
  "dnf5/derived-packages": [
    ["removal-leaves-files", "failed", /^after the upgrade rpm and the files agree/],
    ["dnf-locks-usr", "failed", /^dnf5 knows the same packages$/],
    ["database-stays", "failed", /^it boots, and rpm and the files agree$/],
    ["switch-ignored", "failed", /^it boots, and rpm and the files agree$/],
    ["rollback-ignored", "failed", /^after a rollback all of them are back$/],
  ],
  "dnf5/other-kernel": [
    ["kernel-stays", "failed", /^it has one kernel, another one, which runs$/],
    ["old-kernel-left", "failed", /^it has one kernel, another one, which runs$/],
    ["database-stays", "failed", /^no other package came or went$/],
    ["kernel-incomplete", "failed", /^no other package came or went$/],
    ["switch-ignored", "failed", /^it boots$/],
    ["rollback-ignored", "failed", /^after a rollback the old kernel runs/],
  ],
};

/** What only systems of ostree's can have: the files of two images to compare, and files of a boot loader entry that are called by their kernel. */
export const dnf5OnOstree: Readonly<Record<string, readonly Caught[]>> = {
  "dnf5/other-kernel": [["entry-keeps-kernel", "failed", /^the boot loader starts it/]],
  "dnf5/upgraded-state": [
    ["database-stays", "failed", /^the new boot has the packages of v2, and they are whole$/],
  ],
};

export const dnf5WithOldBootc: Readonly<Record<string, RegExp>> = Object.fromEntries(
  Object.keys(dnf5Caught)
    // These alone ask bootc for a read-only overlay, and have nothing else to judge.
    .filter((id) => /^dnf5\/(?:transient|payloads|persistence|drift)$/.test(id))
    .map((id) => [id, /does not have usr-overlay --read-only; bootc 1\.15 does/]),
);
