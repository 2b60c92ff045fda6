/** The command line by which the harness lists what bootc's composefs backend keeps; it stands beside `commands.ts`, and the simulated guest answers it. */
import { quoteArgument as quote } from "../base/quote.ts";

/** Where an EFI system partition is mounted, or /boot of the root (Discoverable Partitions Specification; bootc's `boot.rs`). */
const bootPlaces = "/boot /boot/efi /efi /sysroot/boot";

/**
 * Folders of deployments' states, images of their roots, and what is booted of them, one a line with a word before it (find(1)). A partition
 * that is mounted twice tells its files twice.
 */
export const composefsKept = `env LC_ALL=C sh -c ${quote(
  [
    "find /sysroot/state/deploy -mindepth 1 -maxdepth 1 -type d -printf 'state %f\\n'",
    "find /sysroot/composefs/images -mindepth 1 -maxdepth 1 -printf 'image %f\\n'",
    `{ find ${bootPlaces} -maxdepth 4 \\( -type d -name 'bootc_composefs-*' -o -path '*/EFI/Linux/bootc/*.efi' \\) -printf 'boot %f\\n' 2>/dev/null || true; }`,
  ].join(" && "),
)}`;
