/** Images whose tools do less than they say, and a bad update that is not bad: each is what one story of bootc has to catch. */
import type { SelftestCase } from "./selftest-case.ts";

type Wrong = Pick<SelftestCase, "name" | "images" | "scenario"> & {
  /** The step that must fail, and what it must say. */
  readonly step: RegExp;
  readonly message: RegExp;
};

const [v1, v2] = ["reference:v1", "reference:v2"];

const wrong: readonly Wrong[] = [
  {
    name: "bootc: a check stages what it finds",
    images: { previous: "reference:v1-check-stages", candidate: v2 },
    scenario: "bootc/upgrade-check",
    step: /^a check finds the update and stages nothing$/,
    message: /staged +expected nothing/,
  },
  {
    name: "bootc: a download is not held back",
    images: { previous: "reference:v1-not-held-back", candidate: v2 },
    scenario: "bootc/download-only",
    step: /^the update is staged and held back$/,
    message: /is not download-only/,
  },
  {
    name: "bootc: an upgrade with nothing new reboots",
    images: { previous: "reference:v1-reboots-always", candidate: v2 },
    scenario: "bootc/upgrade-apply",
    step: /^with nothing new the same boot goes on$/,
    message: /has rebooted by itself/,
  },
  {
    name: "bootc: a rollback cannot be taken back",
    images: { previous: v1, candidate: "reference:v2-rollback-once", next: "reference:v2-quiet" },
    scenario: "bootc/rollback-undone",
    step: /^the first rollback is queued and the second takes it back$/,
    message: /Whether a rollback is queued/,
  },
  {
    name: "bootc: a bad update is not seen",
    images: { previous: v1, candidate: v2, broken: "reference:v2-quiet" },
    scenario: "bootc/three-generations",
    step: /^the bad update boots/,
    message: /degraded/,
  },
  {
    name: "bootc: the overlay is not there",
    images: { candidate: "reference:v2-overlay-nothing" },
    scenario: "bootc/usr-overlay",
    step: /^the overlay opens \/usr$/,
    message: /Read-only file system/,
  },
  {
    name: "bootc: the read-only overlay is open to all",
    images: { candidate: "reference-dnf5:v1-open-overlay" },
    scenario: "bootc/usr-overlay-read-only",
    step: /^the overlay is there, and \/usr stays closed$/,
    message: /The overlay/,
  },
  {
    name: "bootc: kernel arguments are not applied",
    images: { candidate: "reference:v2-without-kargs" },
    scenario: "bootc/kargs",
    step: /^an argument that the new image ships/,
    message: /missing +bootgate\.shipped=1/,
  },
  {
    name: "bootc: a pinned deployment goes",
    images: { previous: "reference:v1-unpins", candidate: v2, next: "reference:v2-quiet" },
    scenario: "bootc/pinned",
    step: /^after two upgrades v1 is still there$/,
    message: /The pinned deployments/,
  },
  {
    name: "bootc: a staged update is completed at once",
    images: { previous: "reference:v1-finalizes-at-once", candidate: v2 },
    scenario: "bootc/power-cut",
    step: /^boots the previous image, on which the candidate gets staged$/,
    message: /staged +expected reference:v2/,
  },
  {
    name: "bootc: what was written before a power cut is gone",
    images: { previous: "reference:v1-forgets-var", candidate: v2 },
    scenario: "bootc/power-cut",
    step: /^what was written to the disk before is there$/,
    message: /The file in \/var/,
  },
  {
    name: "bootc: a switch does nothing",
    images: { previous: "reference:v1-switch-nothing", candidate: v2 },
    scenario: "bootc/switch",
    step: /^switch stages v2/,
    message: /staged +expected reference:v2/,
  },
  {
    name: "bootc: a switch to a file does nothing",
    images: { previous: "reference:v1-switch-nothing", candidate: v2 },
    scenario: "bootc/switch-oci-archive",
    step: /^switch stages v2/,
    message: /staged +expected reference:v2/,
  },
  {
    name: "bootc: a switch to a folder does nothing",
    images: {
      previous: "reference:v1-switch-nothing",
      candidate: v2,
      next: "reference:v2-quiet",
    },
    scenario: "bootc/switch-oci",
    step: /^switch stages v2/,
    message: /staged +expected reference:v2/,
  },
  {
    name: "bootc: a rollback does nothing",
    images: { previous: v1, candidate: "reference:v2-rollback-nothing" },
    scenario: "bootc/upgrade-rollback",
    step: /^rollback and reboot return to v1$/,
    message: /booted +expected reference:v1/,
  },
  {
    name: "bootc: an upgrade with nothing new stages what is booted",
    images: { candidate: "reference:v2-stages-again" },
    scenario: "bootc/upgrade-nothing-new",
    step: /^upgrade stages nothing$/,
    message: /staged +expected nothing/,
  },
  {
    name: "bootc: the status names another image",
    images: { candidate: "reference:v2-status-lies" },
    scenario: "bootc/status",
    step: /^the booted image is the one under test/,
    message: /booted +expected reference:v2-status-lies/,
  },
  {
    name: "bootc: layers that nobody needs stay",
    images: { previous: v1, candidate: v2, next: "reference:v2-keeps-layers" },
    scenario: "bootc/garbage-collection",
    step: /^the next update leaves no layer behind/,
    message: /The layers that no deployment needs/,
  },
  {
    name: "network: an upgrade that cannot be had is called a success",
    images: { previous: "reference:v1-says-yes", candidate: v2 },
    scenario: "network/registry-answers",
    step: /^the registry ends each connection/,
    message: /says that it succeeded although the registry ends each connection/,
  },
  {
    name: "network: a layer that broke off is kept",
    images: { previous: "reference:v1-keeps-half", candidate: v2 },
    scenario: "network/broken-layers",
    step: /^a layer that cannot be had/,
    message: /kept though they did not come whole/,
  },
  {
    name: "tags: a rollback away from an image that was deleted does nothing",
    images: { previous: v1, candidate: "reference:v2-rollback-nothing" },
    scenario: "tags/retention",
    step: /^there too an upgrade fails, and a rollback brings v2 back$/,
    message: /booted +expected reference:v2-rollback-nothing/,
  },
  {
    name: "tags: what the tag has gone back to is not taken",
    images: { previous: v1, candidate: "reference:v2-stages-again" },
    scenario: "tags/goes-back",
    step: /^a tag that has gone back to v1 is followed$/,
    message: /staged +expected reference:v1/,
  },
  {
    name: "tags: an index without this architecture is called a success",
    images: { previous: "reference:v1-says-yes", candidate: v2 },
    scenario: "tags/lost-architecture",
    step: /^an index without this architecture is refused/,
    message: /says that it succeeded although the index has no image for this architecture/,
  },
  {
    name: "bootc: the installation configuration cannot be read",
    images: { candidate: "reference:v2-bad-install-config" },
    scenario: "bootc/install-config",
    step: /^what the image ships can be read$/,
    message: /unknown variant `reiserfs`/,
  },
  {
    name: "bootc: a check of the image fails",
    images: { candidate: "reference:v2-own-var-run" },
    scenario: "bootc/container-lint",
    step: /^no check that is an error fails$/,
    message: /A check of the image fails[\s\S]*Failed lint: var-run: Not a symlink: var\/run/,
  },
  {
    name: "bootc: a soft reboot restarts the machine",
    images: { previous: "reference:v1-reboots-fully", candidate: v2 },
    scenario: "bootc/soft-reboot",
    step: /^a soft reboot lands in v2/,
    message: /was asked for a soft reboot and made a full one/,
  },
  {
    name: "bootc: local files in /etc are removed",
    images: { previous: v1, candidate: "reference:v2-tidies-etc" },
    scenario: "bootc/etc-var-kept",
    step: /^v2 has the local changes in \/etc/,
    message: /The file added to \/etc/,
  },
];

/** Minutes each, since most of them upgrade and reboot. */
export const bootcCases: readonly SelftestCase[] = wrong.map(({ step, message, ...item }) => ({
  ...item,
  suite: "full",
  expect: { outcome: "failed", step, message },
}));
