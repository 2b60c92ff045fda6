/** Why a story of soft reboots has nothing to judge, and when that is an excuse that the image does not have. */
import type { Image } from "../../images/image.ts";
import { ExpectationFailed } from "../base/errors.ts";
import type { Guest } from "../guest/guest.ts";
import { softRebootDifferences } from "../guest/tools/soft-reboot.ts";

const impossible = "bootc says that no soft reboot is possible";

/**
 * Why the staged deployment cannot be rebooted into softly, as a sentence; null where bootc says that it can. Throws ExpectationFailed
 * where the update promises soft reboots and does not differ in anything that keeps one from being possible.
 */
export async function whyNoSoftReboot(
  guest: Guest,
  { from, to }: { readonly from: Image; readonly to: Image },
): Promise<string | null> {
  const { staged } = (await guest.bootc.status()).status;
  if (staged?.softRebootCapable === true) return null;
  // The booted system's bootc says it, so it must not be known to lack it either.
  const isPromised =
    to.catalogue?.promises.includes("soft-reboot") === true &&
    from.catalogue?.lacks.includes("soft-reboot") !== true;
  if (!isPromised) return `${impossible}, and nobody has promised one.`;
  const differ = await softRebootDifferences(guest, staged);
  if (differ === null) return `${impossible}; why cannot be told here.`;
  if (differ.length > 0) return `${impossible}: ${differ.join(" and ")} differ.`;
  throw new ExpectationFailed(
    "bootc says that no soft reboot into the update is possible, although nothing differs that would be in the way.",
    {
      details: {
        "the same in both": "kernel, initramfs, kernel arguments of kargs.d, SELinux policy",
      },
      lookAt: guest.lookAt,
    },
  );
}
