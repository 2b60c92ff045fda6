/** Hosts with layered packages whose tools do less, or more, than they say: each is what one story of such hosts has to catch. */
import type { SelftestCase } from "./selftest-case.ts";

const [v1, v2] = ["reference-layered:v1", "reference-layered:v2"];

/** Minutes each, since all of them layer a package and reboot. */
export const layersCases: readonly SelftestCase[] = [
  {
    name: "layers: an upgrade is not refused",
    images: { candidate: "reference-layered:v1-upgrades-layered" },
    scenario: "layers/inventory-and-refusal",
    suite: "full",
    expect: {
      outcome: "failed",
      step: /^bootc refuses to upgrade, and changes nothing$/,
      message: /`bootc upgrade` is not refused/,
    },
  },
  {
    name: "layers: what was layered is not told",
    images: { candidate: "reference-layered:v1-forgets-packages" },
    scenario: "layers/inventory-and-refusal",
    suite: "full",
    expect: {
      outcome: "failed",
      step: /^rpm-ostree tells the package and its base$/,
      message: /The packages from files/,
    },
  },
  {
    name: "layers: overrides are not told",
    images: { candidate: "reference-layered:v1-forgets-overrides" },
    scenario: "layers/inventory-and-refusal",
    suite: "full",
    expect: {
      outcome: "failed",
      step: /^rpm-ostree tells the package and its base$/,
      message: /The removed packages/,
    },
  },
  {
    name: "layers: a package of the base is not removed",
    images: { candidate: "reference-layered:v1-removes-nothing" },
    scenario: "layers/inventory-and-refusal",
    suite: "full",
    expect: {
      outcome: "failed",
      step: /^a package from a file is layered and boots$/,
      message: /What the package database has of the two packages/,
    },
  },
  {
    name: "layers: the derived image keeps the files of a removed package",
    images: { previous: v1, candidate: "reference-layered:v2-removes-from-database" },
    scenario: "layers/derive-and-switch",
    suite: "full",
    expect: {
      outcome: "failed",
      step: /^files and package database have the packages as they were, of the image$/,
      message: /bootgate-lib\/about is not as expected/,
    },
  },
  {
    name: "layers: a switch fails",
    images: { previous: "reference-layered:v1-switch-refuses", candidate: v2 },
    scenario: "layers/switch-drops",
    suite: "full",
    expect: {
      outcome: "failed",
      step: /^the switch stages v2 without it, or is refused$/,
      message: /not for what is layered/,
    },
  },
  {
    name: "layers: local settings are lost",
    images: { previous: v1, candidate: "reference-layered:v2-loses-etc" },
    scenario: "layers/derive-and-switch",
    suite: "full",
    expect: {
      outcome: "failed",
      step: /^settings, data, the user and the kernel argument are there$/,
      message: /\/etc\/bootgate\/local\.conf/,
    },
  },
  {
    name: "layers: Flatpaks are lost",
    images: { previous: v1, candidate: "reference-layered:v2-loses-flatpaks" },
    scenario: "layers/derive-and-switch",
    suite: "full",
    expect: { outcome: "failed", step: /^its Flatpaks are there$/, message: /org\.bootgate\.Kept/ },
  },
  {
    name: "layers: a rollback does nothing",
    images: { previous: v1, candidate: "reference-layered:v2-stays" },
    scenario: "layers/rollback",
    suite: "full",
    expect: {
      outcome: "failed",
      step: /^rpm-ostree goes back to v1 with the package$/,
      message: /The commit that is booted/,
    },
  },
];
