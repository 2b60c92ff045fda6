/** A Flatpak of the harness's own, as a person has theirs: made in the guest by its own flatpak and installed for all users. */
import { CannotTell } from "../base/errors.ts";
import { quoteArgument } from "../base/quote.ts";
import type { Guest } from "../guest/guest.ts";
import { flatpakOf } from "../guest/tools/flatpak.ts";
import { prepareGuest } from "./prepare-guest.ts";

const name = "org.bootgate.Kept";
const folder = "/var/tmp/bootgate-flatpak";

/**
 * `usr` is what a runtime has, and `files` what flatpak 1.18 takes a folder for a build by. A runtime needs nothing else to be installed, and no network where its remote is a folder (flatpak-build-export(1), flatpak-remote-add(1)).
 */
const script = [
  `mkdir -p ${folder}/app/usr ${folder}/app/files`,
  `printf '[Runtime]\\nname=${name}\\n' > ${folder}/app/metadata`,
  `echo kept > ${folder}/app/usr/kept.txt`,
  `flatpak build-export --runtime ${folder}/repo ${folder}/app 1`,
  `flatpak remote-add --system --no-gpg-verify bootgate-kept file://${folder}/repo`,
  `flatpak install --system --noninteractive bootgate-kept ${name}//1`,
].join(" && ");

/** Installs it. Returns all that are installed then, or null where the image does not have flatpak. Throws CannotTell where it cannot be installed. */
export async function installFlatpak(guest: Guest): Promise<readonly string[] | null> {
  const flatpak = flatpakOf(guest);
  if ((await flatpak.installed()) === null) return null;
  await prepareGuest(guest, "given a Flatpak", `sh -c ${quoteArgument(script)}`);
  const found = await flatpak.installed();
  if (found?.some((one) => one.includes(name)) === true) return found;
  throw new CannotTell(`Guest '${guest.name}' does not list the Flatpak that it was given.`, {
    details: { listed: found?.join("\n") || "nothing" },
    lookAt: guest.lookAt,
  });
}
