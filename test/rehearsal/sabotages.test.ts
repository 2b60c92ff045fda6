/** Every sabotage of the simulated guest is caught by the scenario meant for it, in words that name it, on the product's own stage. */
import { describe, expect, test } from "vitest";
import { type SabotageName, sabotages } from "../simulated/sabotages.ts";
import { type RehearsalOptions, rehearse } from "./rehearse.ts";

/** Sabotage → the scenario meant to notice it and words of its message. */
const meant: Readonly<Record<SabotageName, readonly [scenario: string, words: RegExp]>> = {
  "panics-on-boot": ["boot/health", /Kernel panic - not syncing: VFS/],
  "failed-unit": ["boot/health", /sabotaged\.service/],
  "no-composefs": ["composefs/root", /not composefs/],
  "composefs-flag-only": ["composefs/root", /not composefs/],
  "other-composefs": ["composefs/root", /The image mounted at \/ is not as expected/],
  "grub-scripted": ["install/kickstart", /The sections of grub\.cfg that scripts wrote/],
  "bootupd-empty": ["install/kickstart", /bootupd does not know of any component/],
  "usr-writable": ["composefs/root", /could be created in \/usr/],
  "loses-network": ["boot/health", /no SSH banner has come/],
  "journal-fatal": ["boot/health", /segfault at/],
  "nobody-logged-in": ["live/session", /Nobody is logged in on the first seat/],
  "medium-written": ["live/session", /CD drives that were written to[\s\S]*sr0/],
  "installs-another": ["install/kickstart", /does not have the expected booted deployment/],
  "stays-on-old": ["bootc/staged-is-booted", /No space left on device/],
  "loses-rollback": [
    "bootc/upgrade-rollback",
    /rollback +expected simulated:v1 \(sha256:1{12}\)\n +got +nothing/,
  ],
  "loses-staged": ["bootc/staged-is-booted", /nothing is staged/],
  "upgrade-noop-stages": ["bootc/upgrade-nothing-new", /staged +expected nothing/],
  "wrong-digest": ["bootc/staged-is-booted", /came up in another one/],
  "etc-merge-lost": ["bootc/etc-var-kept", /\/etc/],
  "var-lost": ["bootc/etc-var-kept", /\/var/],
  "switch-ignored": ["bootc/switch", /staged +expected simulated:v2/],
  "rollback-ignored": ["bootc/upgrade-rollback", /booted +expected simulated:v1/],
  "follow-fails": ["bootc/switch", /unshare failed: Operation not permitted/],
  "follow-hangs": ["bootc/switch", /did not end within/],
  "follow-ignored": ["bootc/switch", /could not be made to follow 10\.0\.2\.100:5000\/os:stable/],
  "upgrade-deaf": ["bootc/switch-oci", /staged +expected simulated:v3/],
  "bound-ignored": ["bootc/bound-images", /The upgrade was not refused/],
  "adopts-nothing": ["bootupd/adopt", /does not have is not as expected/],
  "adopts-badly": ["bootupd/adopt", /A file of somebody else is gone/],
  "update-gives-up": ["bootupd/interrupted", /does not have is not as expected/],
  "old-entry-dead": ["grub/older-entry", /vmlinuz-7\.2\.0-sim' not found/],
  "menu-hides": ["grub/older-entry", /does not have the entry 'Simulated OS v1'/],
  "picked-stays": [
    "grub/older-entry",
    /the boot loader entries is not as expected|boot loader entries/i,
  ],
  "cut-applies": ["bootc/power-cut", /booted +expected simulated:v1/],
  "keeps-layers": ["bootc/garbage-collection", /The layers that no deployment needs/],
  "loses-layers": ["bootc/garbage-collection", /that are gone/],
  "config-broken": ["bootc/install-config", /unknown variant `reiserfs`/],
  "config-not-merged": ["bootc/install-config", /expected +'xfs'/],
  "lint-fails": ["bootc/container-lint", /Failed lint: bootc-kargs/],
  "check-stages": ["bootc/upgrade-check", /staged +expected nothing/],
  "check-blind": ["bootc/upgrade-check", /does not tell of the update/],
  "download-applies": ["bootc/download-only", /booted +expected simulated:v1/],
  "apply-ignored": ["bootc/upgrade-apply", /the same boot answers/],
  "rollback-sticks": ["bootc/rollback-undone", /Whether a rollback is queued/],
  "rollback-keeps-staged": ["bootc/rollback-undone", /staged +expected nothing/],
  "overlay-ignored": ["bootc/usr-overlay", /Read-only file system/],
  "overlay-stays": ["bootc/usr-overlay", /outlived the reboot/],
  "overlay-open": ["dnf5/transient", /Every process can write to \/usr/],
  "dnf-missing": ["dnf5/refusal", /does not have dnf5, which it promises/],
  "dnf-opens-usr": ["dnf5/refusal", /was not refused/],
  "dnf-refuses-late": ["dnf5/refusal", /How often metadata was asked for/],
  "dnf-persists": ["dnf5/persistence", /A persistent transaction was not refused/],
  "dnf-claims-bootc": ["dnf5/not-bootc", /was refused in other words/],
  "drift-ignored": ["dnf5/drift", /A change of a protected path was not refused/],
  "scriptlets-skipped": ["dnf5/payloads", /What the packages brought/],
  "database-stays": ["dnf5/upgraded-state", /What rpm -V finds changed of simulated-app/],
  "kargs-lost": ["bootc/kargs", /missing +bootgate\.shipped=1/],
  "kargs-stay": ["bootc/kargs", /still there +bootgate\.shipped=1/],
  "esp-stale": ["bootupd/update", /new payload .* does not have/],
  "esp-differs": ["bootupd/status", /payload .* does not have/],
  "validate-blind": ["bootupd/drift", /does not notice a changed file/],
  "menu-order": ["grub/static-menu", /first entry of the menu/],
  "migration-forgets": ["grub/migrate", /still a link/],
  "loses-pinned": ["bootc/pinned", /The pinned deployments/],
  "bad-update-hidden": ["bootc/three-generations", /degraded/],
  "upgrades-layered": ["layers/inventory-and-refusal", /`bootc upgrade` is not refused/],
  "incompatible-hidden": ["layers/inventory-and-refusal", /`incompatible` of the booted/],
  "layers-untold": ["layers/inventory-and-refusal", /The packages from files/],
  "wants-repositories": ["layers/switch-drops", /rpm-ostree wants repositories/],
  "switch-refuses-layers": ["layers/switch-drops", /local rpm-ostree modifications/],
  "rollback-to-layers": ["layers/rollback", /`bootc rollback` is not refused/],
  "rpm-ostree-stays": ["layers/rollback", /The commit that is booted/],
  "origin-keeps": ["layers/derive-and-switch", /does not name an image alone/],
  "status-schema": ["bootc/status", /status\.booted\.incompatible/],
  "status-wrong-type": ["bootc/status", /status: /],
  "same-boot": ["bootc/upgrade-rollback", /the same boot answers/],
  "reboots-itself": ["bootc/status", /^Guest 'candidate' has rebooted by itself\./],
  floods: ["bootc/status", /printed more than its limit/],
  junk: ["bootc/status", /bootc/],
  hangs: ["bootc/status", /did not end within/],
  "drops-ssh": ["bootc/status", /SSH connection to guest 'candidate' was lost/],
  "machine-dies": ["bootc/status", /died \(sabotage\)/],
};

/** What a sabotage needs besides to be seen. */
const needs: Partial<Record<SabotageName, RehearsalOptions>> = {
  "grub-scripted": { catalogue: { entry: "mine", promises: ["static-grub"], lacks: [] } },
  "dnf-missing": { catalogue: { entry: "mine", promises: ["dnf5"], lacks: [] } },
  "bootupd-empty": { catalogue: { entry: "mine", promises: ["bootupd"], lacks: [] } },
  "other-composefs": { world: { kind: "bootc-composefs" } },
  "follow-fails": { world: { follows: "vendor.example/os:stable" } },
  "follow-hangs": { world: { follows: "vendor.example/os:stable" } },
  "follow-ignored": { world: { follows: "vendor.example/os:stable" } },
};

describe("every sabotage is caught by the scenario meant for it", () => {
  test.each(Object.entries(meant))("%s", async (name, [id, words]) => {
    const sabotage = name as SabotageName;
    const { outcome } = await rehearse(id, sabotage, needs[sabotage]);
    expect(outcome.kind).toBe(sabotages[sabotage].outcome);
    expect("error" in outcome ? outcome.error.message : "").toMatch(words);
  });
});
