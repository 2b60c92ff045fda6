/**
 * A guest whose disk is full. Where the harness chose how large the disk is, that is not the image's fault for all that can
 * be told: on a larger one it may have worked.
 */
import { BootgateError, CannotTell, outcomeOf } from "../base/errors.ts";
import type { Job } from "./plan.ts";

/** ENOSPC as libc and Rust say it, bootc's and ostree's own refusals (`check_space`, `min-free-space-size`), and dnf's. */
const fullDisk =
  /No space left on device|Insufficient free space|not enough (?:free )?(?:disk )?space|min-free-space-(?:size|percent)|At least \d+[KMG]i?B? more space needed/i;

/** Whether the harness makes the disk of an image that the job boots. */
export function sizesADisk({ scenario, images }: Pick<Job, "scenario" | "images">): boolean {
  const { boots, images: roles } = scenario.definition.needs;
  return (boots ?? roles).some((role) => images[role]?.disk === null);
}

/** The error to blame: CannotTell in the place of an image's failure that shows a full disk of the harness's size. */
export function unlessDiskFull(error: unknown, sizedByUs: boolean): unknown {
  if (!sizedByUs || !(error instanceof BootgateError)) return error;
  if (outcomeOf(error).kind !== "failed" || !fullDisk.test(error.message)) return error;
  const more = "The disk was full, and it was made for this run.";
  const headline = {
    text: `${error.headline} ${more}`,
    ownWords: `${error.ownWords} ${more}`,
  };
  return new CannotTell(headline, {
    cause: error,
    details: { ...error.details, "to do": "give it a larger one by --disk-size, and run it again" },
    lookAt: error.lookAt,
  });
}
