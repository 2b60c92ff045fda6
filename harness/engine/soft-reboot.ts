/** How what is staged is booted softly, why a story of that has nothing to judge, and when that is an excuse that the image does not have. */
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

/**
 * Reboots softly into what is staged, with the proof of it. On the composefs backend `bootc upgrade` does nothing more with an update
 * that is staged already, whatever it is asked for (bootc-dev/bootc, `bootc_composefs/update.rs`: "No changes in staged image");
 * what it calls for an update of its own has a verb, too (bootc-dev/bootc#1828).
 */
export async function softRebootIntoStaged(guest: Guest): Promise<void> {
  const { staged } = (await guest.bootc.status()).status;
  const verity = staged?.composefs?.verity;
  const words =
    verity === undefined
      ? ["upgrade", "--soft-reboot=required", "--apply"]
      : ["internals", "prep-soft-reboot", verity, "--reboot"];
  // By the manager: a bootc in this session would be ended with it, with the lock of the system in its hand.
  await guest.softRebootBy`systemd-run --quiet --collect --unit=bootgate-soft-reboot bootc ${words}`;
}
