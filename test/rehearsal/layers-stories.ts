/** What each story of layered hosts has to catch, and what it says of a system that nothing can be layered on. */
import type { SabotageName } from "../simulated/sabotages.ts";

type Caught = readonly [sabotage: SabotageName, outcome: "failed" | "broken", step: RegExp];

export const layersCaught: Readonly<Record<string, readonly Caught[]>> = {
  "layers/inventory-and-refusal": [
    ["incompatible-hidden", "failed", /^a package from a file is layered and boots$/],
    ["layers-untold", "failed", /^rpm-ostree tells the package and its base$/],
    ["upgrades-layered", "failed", /^bootc refuses to upgrade, and changes nothing$/],
    ["stays-on-old", "failed", /^a package from a file is layered and boots$/],
  ],
  "layers/switch-drops": [
    ["switch-fails-layered", "failed", /^the switch stages v2 without it, or is refused$/],
    ["switch-ignored", "failed", /^the switch stages v2 without it, or is refused$/],
    ["policy-rejects", "broken", /^the switch stages v2 without it, or is refused$/],
    ["loses-rollback", "failed", /^v2 boots without the package/],
  ],
  "layers/rollback": [
    ["rollback-to-layers", "failed", /^bootc refuses to roll back, and changes nothing$/],
    ["rpm-ostree-stays", "failed", /^rpm-ostree goes back to v1 with the package$/],
  ],
  "layers/derive-and-switch": [
    ["override-ignored", "failed", /^a package is layered on v1, one replaced and one removed/],
    ["base-database-stale", "broken", /^a package is layered on v1, one replaced and one removed/],
    ["overrides-untold", "failed", /^rpm-ostree names all that was changed of the image$/],
    ["layers-untold", "failed", /^rpm-ostree names all that was changed of the image$/],
    ["removal-leaves-files", "failed", /^files and package database have the packages/],
    ["database-stays", "failed", /^the base has packages that a person can do without$/],
    ["origin-of-before", "failed", /^its origin names the image and nothing else$/],
    ["origin-keeps", "failed", /^its origin names the image and nothing else$/],
    ["etc-merge-lost", "failed", /^what the package brought is there, of the image$/],
    ["flatpaks-lost", "failed", /^its Flatpaks are there$/],
    ["var-lost", "failed", /^settings, data, the user and the kernel argument are there$/],
    ["kargs-lost", "failed", /^a package is layered on v1, one replaced and one removed/],
    ["switch-ignored", "failed", /^the base has packages that a person can do without$/],
  ],
};

const saying = (words: RegExp): Readonly<Record<string, RegExp>> =>
  Object.fromEntries(Object.keys(layersCaught).map((id) => [id, words]));

export const layersOnComposefs = saying(/does not have ostree's deployments/);
export const layersWithoutRpmOstree = saying(/^The image does not have rpm-ostree\.$/);
