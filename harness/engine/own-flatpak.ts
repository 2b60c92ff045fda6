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

/** What is installed then, or why nothing can be said of Flatpaks. */
export type OwnFlatpak = { readonly installed: readonly string[] } | { readonly why: string };

/** Installs it. A guest that does not take it has nothing of a Flatpak to show, and the rest of a story does not hang on that. */
export async function installFlatpak(guest: Guest): Promise<OwnFlatpak> {
  const flatpak = flatpakOf(guest);
  if ((await flatpak.installed()) === null) return { why: "the image does not have flatpak" };
  try {
    await prepareGuest(guest, "given a Flatpak", `sh -c ${quoteArgument(script)}`);
  } catch (error) {
    if (!(error instanceof CannotTell)) throw error;
    return { why: `${error.headline} ${error.details["stderr"] ?? ""}`.trim().slice(0, 500) };
  }
  const installed = (await flatpak.installed()) ?? [];
  return installed.some((one) => one.includes(name))
    ? { installed }
    : { why: "the guest does not list the one that it was given" };
}
