/** What the stories about composefs have to catch, and where they are skipped: rows of the tables in scenario-table.ts. */
import type { SabotageName } from "../simulated/sabotages.ts";

/** A sabotage, the outcome and the step in which it is caught. */
type Caught = readonly [SabotageName, "failed" | "broken", RegExp];
type Stories = Readonly<Record<string, readonly Caught[]>>;

const both: Stories = {
  "composefs/root": [
    ["no-composefs", "failed", /^\/ is mounted from composefs$/],
    ["composefs-flag-only", "failed", /^\/ is mounted from composefs$/],
    ["usr-writable", "failed", /^\/usr cannot be written$/],
    ["sysroot-writable", "failed", /^\/sysroot is mounted read-only$/],
    ["junk", "failed", /^\/ is mounted from composefs$/],
  ],
  "composefs/setting": [
    ["initramfs-differs", "failed", /^the initramfs has what the image has$/],
    ["composefs-flag-only", "failed", /^the mounts are as it says$/],
  ],
  "composefs/etc-var": [
    ["etc-forgets", "failed", /^\/etc has it unless the image lets it go$/],
    ["same-boot", "failed", /^after a reboot \/var has what was written to it$/],
  ],
  "composefs/fsck": [
    ["object-damaged", "failed", /^ostree fsck finds nothing$/],
    ["object-mislabelled", "failed", /^ostree fsck finds nothing$/],
  ],
  "composefs/tampered-object": [],
  "composefs/tampered-device": [],
  "composefs/tampered-image": [
    ["image-unchecked", "failed", /^it does not boot from the changed image$/],
    ["second-boot-dies", "failed", /^untouched, it boots a second time$/],
    ["refusal-untold", "broken", /^it does not boot from the changed image$/],
  ],
};

const onOstree: Stories = {
  "composefs/tampered-object": [["fsck-blind", "failed", /^ostree fsck names the changed object$/]],
  "composefs/tampered-device": [["fsck-blind", "failed", /^ostree fsck names the changed object$/]],
};

const onComposefs: Stories = {
  "composefs/root": [["other-composefs", "failed", /^the booted system records composefs$/]],
  "composefs/tampered-object": [
    ["verity-blind", "failed", /^fs-verity refuses the changed object/],
  ],
  "composefs/tampered-device": [
    ["verity-blind", "failed", /^the changed block is refused/],
    ["blocks-unchecked", "failed", /^the changed block is refused/],
  ],
};

/** Stories that a backend does not have the means for, with the reason they give. */
const skippedOn: Readonly<Record<"ostree" | "composefs", Readonly<Record<string, RegExp>>>> = {
  ostree: { "composefs/tampered-image": /only 'signed' holds the image/ },
  composefs: { "composefs/fsck": /does not have a check of its objects/ },
};

export const composefsStories = { both, onOstree, onComposefs, skippedOn } as const;
