/** Images whose bootc does less with podman's storages than it says: each is what one story has to catch. */
import type { SelftestCase } from "./selftest-case.ts";

type Wrong = Pick<SelftestCase, "name" | "images" | "scenario"> & {
  readonly step: RegExp;
  readonly message: RegExp;
};

const wrong: readonly Wrong[] = [
  {
    name: "podman: a switch to its storage follows the registry",
    images: {
      previous: "reference-podman:v1-switches-to-registry",
      candidate: "reference-podman:v2",
    },
    scenario: "bootc/switch-containers-storage",
    step: /^reboot lands in v2, which follows podman's storage$/,
    message: /The transport is not as expected/,
  },
  {
    name: "podman: an update is staged without the images that it is bound to",
    images: { candidate: "reference-podman:v2-unbound" },
    scenario: "bootc/bound-images",
    step: /^an update brings the image that it is bound to/,
    message: /podman says whether bootc's storage has/,
  },
  {
    name: "podman: an update is staged and then refused",
    images: { candidate: "reference-podman:v2-stages-first" },
    scenario: "bootc/bound-images",
    step: /^the refused update is not staged$/,
    message: /The refused update is staged/,
  },
];

/** Minutes each, since all of them upgrade and reboot. */
export const podmanCases: readonly SelftestCase[] = wrong.map(({ step, message, ...item }) => ({
  ...item,
  suite: "full",
  expect: { outcome: "failed", step, message },
}));
