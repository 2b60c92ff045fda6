/** Images whose dnf5, or what it stands on, does less than it should: each is what one story has to catch. */
import type { SelftestCase } from "./selftest-case.ts";

type Wrong = Pick<SelftestCase, "name" | "images" | "scenario"> & {
  readonly step: RegExp;
  readonly message: RegExp;
};

/** A version of the reference OS with packages, as the candidate. */
const candidate = (version: string): Wrong["images"] => ({
  candidate: `reference-dnf5:${version}`,
});

const wrong: readonly Wrong[] = [
  {
    name: "dnf5: a read-only system is opened",
    images: candidate("v1-opens-usr"),
    scenario: "dnf5/refusal",
    step: /^what changes the system is refused/,
    message: /was not refused/,
  },
  {
    name: "dnf5: a transient overlay is open to everybody",
    images: candidate("v1-open-overlay"),
    scenario: "dnf5/transient",
    step: /^nobody else can write to \/usr$/,
    message: /Every process can write to \/usr/,
  },
  {
    name: "dnf5: scriptlets are left out",
    images: candidate("v1-without-scriptlets"),
    scenario: "dnf5/payloads",
    step: /^the files are there, and the scriptlet has run$/,
    message: /What the packages brought/,
  },
  {
    name: "dnf5: a persistent transaction becomes a transient one",
    images: candidate("v1-persists"),
    scenario: "dnf5/persistence",
    step: /^a persistent transaction is refused$/,
    message: /A persistent transaction was not refused/,
  },
  {
    name: "dnf5: every system is one of bootc",
    images: candidate("v1-claims-bootc"),
    scenario: "dnf5/not-bootc",
    step: /^an installation is refused in general words$/,
    message: /was refused in other words/,
  },
  {
    name: "dnf5: the overlay of bootc stays",
    images: candidate("v1-lasting-overlay"),
    scenario: "dnf5/usr-overlay",
    step: /^after a reboot the package is gone$/,
    message: /The list of packages/,
  },
  {
    name: "dnf5: protected paths drift",
    images: candidate("v1-drifts"),
    scenario: "dnf5/drift",
    step: /^a change of a protected path is refused/,
    message: /A change of a protected path was not refused/,
  },
  {
    name: "dnf5: a package that is removed from an image leaves its files",
    images: candidate("v1-removes-from-database"),
    scenario: "dnf5/derived-packages",
    step: /^after the upgrade rpm and the files agree/,
    message: /bootgate-settings\/about is not as expected/,
  },
  {
    name: "dnf5: an image with a module of its own keeps its old initramfs",
    images: candidate("v1-makes-no-initramfs"),
    scenario: "dnf5/kernel-module",
    step: /^the initramfs has loaded the module/,
    message: /The initramfs has not loaded the module/,
  },
  {
    name: "dnf5: an image with another kernel gets no initramfs",
    images: { candidate: "reference-kernel:v1-makes-no-initramfs" },
    scenario: "dnf5/other-kernel",
    step: /^it boots$/,
    message: /Unable to mount root fs/,
  },
  {
    name: "dnf5: a service works with the kernel of its image alone",
    images: { candidate: "reference-kernel:v1-names-kernel" },
    scenario: "dnf5/other-kernel",
    step: /^no unit has failed$/,
    message: /reference-names-kernel\.service/,
  },
  {
    name: "dnf5: an update has the package database of the image before",
    images: { previous: "reference-dnf5:v1", candidate: "reference-dnf5:v2-old-database" },
    scenario: "dnf5/upgraded-state",
    step: /^the new boot has the packages of v2, and they are whole$/,
    message: /as the package database says/,
  },
];

export const dnf5Cases: readonly SelftestCase[] = wrong.map(({ step, message, ...item }) => ({
  ...item,
  suite: "full",
  expect: { outcome: "failed", step, message },
}));
