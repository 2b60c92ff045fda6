/** What each scenario must catch on the simulated guest: the sabotage, whose fault it is, and the step that tells; and what some systems cannot have judged. */
import { bootLoaderCaught, bootLoaderOnComposefs } from "./boot-loader-stories.ts";
import { composefsStories } from "./composefs-stories.ts";
import { type Caught, dnf5Caught, dnf5OnOstree, dnf5WithOldBootc } from "./dnf5-stories.ts";
import { layersCaught, layersOnComposefs } from "./layers-stories.ts";
import { promisedCaught } from "./promised-stories.ts";
import { signaturesCaught, signaturesOnOstree } from "./signatures-stories.ts";
import { tagsCaught, tagsOnOstree } from "./tags-stories.ts";

const boots = /^boots the candidate$/;

const installed: readonly Caught[] = [
  ["panics-on-boot", "failed", boots],
  ["loses-network", "broken", boots],
  ["installs-another", "failed", /^the installed system is the image that was named$/],
  ["failed-unit", "failed", /^no unit has failed$/],
  ["journal-fatal", "failed", /^the journal has no fatal line$/],
  ["drops-ssh", "broken", /^the installed system is the image/],
  ["no-composefs", "failed", /^\/ is mounted from composefs$/],
];

const fromDisk: readonly Caught[] = [
  ["virtio-only", "failed", boots],
  ["panics-on-boot", "failed", boots],
  ["failed-unit", "failed", /^no unit has failed$/],
];

export const table: Readonly<Record<string, readonly Caught[]>> = {
  "install/kickstart": installed,
  "install/kickstart-bootc": installed,
  "boot/nvme": fromDisk,
  "boot/scsi": fromDisk,
  "boot/tpm-unlock": [
    ["tpm-refuses", "failed", /^after an upgrade it opens the root of v2$/],
    ["tpm-forgets", "failed", /^after the rollback it opens the root of v1$/],
    ["panics-on-boot", "failed", /^after an upgrade it opens the root of v2$/],
    ["rollback-ignored", "failed", /^after the rollback it opens the root of v1$/],
    ["failed-unit", "failed", /^no unit has failed$/],
  ],
  "boot/secure-boot": [
    ["unsigned-boot", "failed", boots],
    ["panics-on-boot", "failed", boots],
    ["failed-unit", "failed", /^no unit has failed$/],
  ],
  "boot/health": [
    ["panics-on-boot", "failed", boots],
    ["loses-network", "broken", boots],
    ["failed-unit", "failed", /^no unit has failed$/],
    ["journal-fatal", "failed", /^the journal has no fatal line$/],
    ["drops-ssh", "broken", /^start-up settles$/],
    ["machine-dies", "broken", /^start-up settles$/],
    ["hangs", "failed", /^start-up settles$/],
    ["reboots-itself", "failed", /^start-up settles$/],
  ],
  "live/session": [
    ["panics-on-boot", "failed", boots],
    ["nobody-logged-in", "failed", /^a session or an installer is there$/],
    ["journal-fatal", "failed", /^the journal has no fatal line$/],
    ["medium-written", "failed", /^nothing was written to the medium$/],
    ["machine-dies", "broken", /^start-up settles$/],
  ],
  ...composefsStories.both,
  "dnf5/kernel-module": [
    ["initramfs-stale", "failed", /^the initramfs has loaded the module/],
    ["panics-on-boot", "failed", boots],
    ["switch-ignored", "failed", /^it boots$/],
  ],
  "bootc/status": [
    ["status-schema", "failed", /^the status follows the schema$/],
    ["status-wrong-type", "failed", /^the status follows the schema$/],
    ["architecture-untold", "failed", /^the status fits the architecture of the machine$/],
    ["floods", "failed", /^bootc tells its version$/],
  ],
  "bootc/upgrade-rollback": [
    ["stays-on-old", "failed", /^reboot lands in v2/],
    ["loses-rollback", "failed", /^reboot lands in v2/],
    ["wrong-digest", "failed", /^reboot lands in v2/],
    ["loses-staged", "failed", /^upgrade stages v2/],
    ["rollback-ignored", "failed", /^rollback and reboot return/],
    ["same-boot", "failed", /^reboot lands in v2/],
    ["panics-on-boot", "failed", /^reboot lands in v2/],
    ["loses-network", "failed", /^reboot lands in v2/],
    ["policy-rejects", "broken", /^upgrade stages v2/],
  ],
  "bootc/upgrade-nothing-new": [
    ["upgrade-noop-stages", "failed", /^upgrade stages nothing$/],
    ["check-cries", "failed", /^a check finds no update$/],
    ["check-cries-itself", "failed", /check/],
    ["policy-rejects", "broken", /^a check finds no update$/],
  ],
  "bootc/switch": [
    ["policy-rejects", "broken", /^switch stages v2/],
    ["switch-ignored", "failed", /^switch stages v2/],
    ["stays-on-old", "failed", /^reboot lands in v2/],
  ],
  "bootc/staged-is-booted": [
    ["stays-on-old", "failed", /^the staged deployment is the one that boots$/],
    ["wrong-digest", "failed", /^the staged deployment is the one that boots$/],
    ["loses-staged", "failed", /^boots the previous image, on which the candidate gets staged$/],
  ],
  "bootc/upgrade-check": [
    ["check-stages", "failed", /^a check finds the update and stages nothing$/],
    ["check-blind", "failed", /^a check finds the update and stages nothing$/],
  ],
  "bootc/download-only": [
    ["download-applies", "failed", /^a reboot stays in v1/],
    ["loses-staged", "failed", /^the update is staged and held back$/],
  ],
  "bootc/upgrade-apply": [
    ["policy-rejects", "broken", /^with nothing new the same boot goes on$/],
    ["apply-ignored", "failed", /^with an update the guest reboots by itself/],
    ["stays-on-old", "failed", /^with an update the guest reboots by itself/],
    ["rollback-ignored", "failed", /^a rollback that is applied/],
  ],
  "bootc/rollback-undone": [
    ["rollback-keeps-staged", "failed", /^a rollback drops a staged update$/],
    ["rollback-sticks", "failed", /^(?:the first rollback is queued and|the reboot stays in v2$)/],
  ],
  "bootc/three-generations": [
    ["bad-update-hidden", "failed", /^the bad update boots/],
    ["rollback-ignored", "failed", /^rollback lands in the good one/],
  ],
  "bootc/usr-overlay": [
    ["overlay-ignored", "failed", /^the overlay opens \/usr$/],
    ["overlay-private", "failed", /^the overlay opens \/usr$/],
    ["overlay-untold", "failed", /^the overlay opens \/usr$/],
    ["overlay-stays", "failed", /^after a reboot the overlay is gone/],
    ["usr-writable", "failed", /^\/usr cannot be written at first$/],
  ],
  "bootc/usr-overlay-read-only": [
    ["overlay-open", "failed", /^the overlay is there, and \/usr stays closed$/],
    ["overlay-private", "failed", /^the overlay is there, and \/usr stays closed$/],
    ["overlay-untold", "failed", /^the overlay is there, and \/usr stays closed$/],
    ["overlay-ignored", "failed", /^the overlay is there, and \/usr stays closed$/],
    ["overlay-stays", "failed", /^after a reboot the overlay is gone/],
    ["usr-writable", "failed", /^the overlay is there, and \/usr stays closed$/],
  ],
  "bootc/kargs": [
    ["kargs-lost", "failed", /^an argument that the new image ships/],
    ["kargs-stay", "failed", /^one that the next image does not ship/],
    ["kargs-doubled", "failed", /^an argument that the new image ships/],
  ],
  "bootc/pinned": [
    ["loses-pinned", "failed", /^after two upgrades v1 is still there$/],
    ["prunes-pinned", "failed", /^after two upgrades v1 is still there$/],
  ],
  "bootc/bound-images": [
    ["bound-ignored", "failed", /^an update brings the image that it is bound to/],
    ["bound-untold", "failed", /^an update whose image cannot be had is refused$/],
    ["bound-staged", "failed", /^the refused update is not staged$/],
    ["loses-staged", "failed", /^an update brings the image that it is bound to/],
    ["stays-on-old", "failed", /^it is there after the reboot$/],
  ],
  "bootc/power-cut": [
    ["cut-applies", "failed", /^after a power cut v1 boots and nothing is staged$/],
    ["var-lost", "failed", /^what was written to the disk before is there$/],
    ["stays-on-old", "failed", /^the update can be had again/],
  ],
  "power/cut-upgrade": [
    ["stays-on-old", "failed", /^v1 stages v2, completes it/],
    ["cut-leaves-nothing", "failed", /^boots what a power cut left \(state 3\)$/],
    ["cut-leaves-another", "failed", /^state 3 is the old image or the new one$/],
    ["cut-loses-rollback", "failed", /^state 3 is the old image or the new one$/],
    ["machine-dies", "broken", /^boots the previous image$/],
  ],
  "bootc/switch-oci-archive": [
    ["switch-ignored", "failed", /^switch stages v2/],
    ["stays-on-old", "failed", /^reboot lands in v2/],
    ["upgrade-deaf", "failed", /^without the file an upgrade is refused/],
  ],
  "bootc/switch-oci": [
    ["switch-ignored", "failed", /^switch stages v2/],
    ["stays-on-old", "failed", /^reboot lands in v2/],
    ["upgrade-deaf", "failed", /^what is put there next is found/],
  ],
  "bootc/switch-containers-storage": [
    ["switch-ignored", "failed", /^switch stages v2/],
    ["stays-on-old", "failed", /^reboot lands in v2/],
    ["upgrade-deaf", "failed", /^once podman does not have it/],
  ],
  "bootc/garbage-collection": [["loses-staged", "failed", /^v2 (?:is staged|and v3 boot)/]],
  "network/registry-answers": [
    ["trouble-swallowed", "failed", /^the registry ends each connection/],
    ["trouble-unsaid", "failed", /^the registry ends each connection/],
    ["trouble-drops-staged", "failed", /^the registry ends each connection/],
    ["pull-stuck", "failed", /^the registry wants to know who asks/],
    ["policy-rejects", "broken", /^boots the previous image/],
  ],
  "network/broken-layers": [
    ["half-pull-staged", "failed", /^a layer that cannot be had/],
    ["trouble-swallowed", "failed", /^a layer that cannot be had/],
    ["trouble-drops-staged", "failed", /^a layer that cannot be had/],
    ["pull-stuck", "failed", /^a layer that is cut off at 10 %/],
    ["stays-on-old", "failed", /^it boots, and has what was published$/],
  ],
  "bootc/install-config": [
    ["config-broken", "failed", /^what the image ships can be read$/],
    ["config-not-merged", "failed", /^a file of the machine's own goes over it$/],
  ],
  "bootc/container-lint": [["lint-fails", "failed", /^no check that is an error fails$/]],
  "bootc/soft-reboot": [
    ["soft-reboot-full", "failed", /^a soft reboot lands in v2/],
    ["same-boot", "failed", /^a soft reboot lands in v2/],
    ["failed-unit", "failed", /^it is well there$/],
  ],
  ...promisedCaught,
  ...signaturesCaught,
  ...tagsCaught,
  ...bootLoaderCaught,
  ...layersCaught,
  ...dnf5Caught,
  "bootc/etc-var-kept": [
    ["etc-merge-lost", "failed", /^v2 has the local changes/],
    ["var-lost", "failed", /^v2 has the local changes/],
    ["rollback-ignored", "failed", /^rollback returns/],
  ],
};

/** What only one of the backends can have. */
export const onlyOn: Readonly<Record<"bootc" | "bootc-composefs", typeof table>> = {
  bootc: {
    ...composefsStories.onOstree,
    ...dnf5OnOstree,
    "power/cut-upgrade": [["object-damaged", "failed", /^state 1 has every object/]],
    ...signaturesOnOstree,
    ...tagsOnOstree,
    "bootc/garbage-collection": [
      ["keeps-layers", "failed", /^the next update leaves no layer behind/],
      ["loses-layers", "failed", /^the next update leaves no layer behind/],
      ["object-lost", "failed", /^no object is gone/],
    ],
    "network/broken-layers": [["half-pull-kept", "failed", /^a layer that cannot be had/]],
  },
  "bootc-composefs": {
    ...composefsStories.onComposefs,
    "bootc/garbage-collection": [
      ["keeps-deployments", "failed", /^the next update leaves nothing behind/],
      ["loses-deployments", "failed", /^the next update leaves nothing behind/],
    ],
    "bootc/container-lint": [["ships-usr-etc", "failed", /^no check that is an error fails$/]],
  },
};

/** Stories that a system does not have the means for, by its kind, with the reason they give. */
export const skipped: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  bootc: composefsStories.skippedOn.ostree,
  "bootc-composefs": {
    ...composefsStories.skippedOn.composefs,
    "bootc/pinned": /^Nothing pins a deployment/,
    "bootc/bound-images": /does not bring the images .*2540/,
    "greenboot/falls-back": /boots are counted by systemd-boot/,
    ...bootLoaderOnComposefs,
    "signatures/enforced": /^What a switch enforces is written into the origin/,
    ...layersOnComposefs,
  },
  old: {
    ...composefsStories.skippedOn.ostree,
    "bootc/container-lint": /does not have 'bootc container lint --skip'/,
    "bootc/soft-reboot": /does not have --soft-reboot, which came with bootc 1\.7/,
    "bootc/download-only": /does not have --download-only, which came with bootc 1\.12 /,
    "bootc/pinned": /does not show pinned/,
    "bootc/usr-overlay-read-only": /does not have usr-overlay --read-only; bootc 1\.15 does/,
    ...dnf5WithOldBootc,
  },
};
