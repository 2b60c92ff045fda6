/** The errors of an installation that did not end well: whose fault it is, with the installer's own words. */
import { CannotTell, CommandFailed, HostUnfit, quoting } from "../../base/errors.ts";
import { excerptEnd } from "../../guest/excerpt.ts";
import { blameOfInstaller, installerError } from "./install-words.ts";
import type { DiskRecipe } from "./recipe.ts";

export interface EndedInstallation {
  /** How the image is called in messages. */
  readonly name: string;
  readonly recipe: DiskRecipe;
  readonly exitCode: number | null;
  /** All that the installer said, or its end. */
  readonly said: string;
  /** The file with its words. */
  readonly log: string;
  /** True where the host's own kernel, devices and programs took part. */
  readonly onHost?: boolean;
  /** True where the image's kernel is in a unified kernel image only. */
  readonly unified?: boolean;
}

/** The installer ended by itself, badly. */
export function installFailed(ended: EndedInstallation): Error {
  const { name, recipe, exitCode, said, log, onHost = false, unified = false } = ended;
  const { blame, why, todo, hangsOn } = blameOfInstaller(said, { exitCode, onHost });
  const options = {
    details: {
      why,
      "exit code": String(exitCode ?? "none"),
      "it said": excerptEnd(said, 1500) || undefined,
      disk: `${recipe.sizeMiB} MiB`,
      "to do": todo,
    },
    lookAt: log,
  };
  const headline = quoting`The image '${name}' could not be installed on a disk: ${installerError(said)}`;
  // The backend is the harness's choice, not the image's, and the ostree one does not install a unified kernel image.
  const isOurs = hangsOn === "backend" || (hangsOn !== undefined && unified);
  if (blame === "image" && !isOurs) return new CommandFailed(headline, options);
  if (blame === "host") return new HostUnfit(headline, options);
  return new CannotTell(headline, options);
}

/** What was ended by the harness has not failed by itself. `why` is a clause. */
export const installEnded = (name: string, why: string, said: string, lookAt: string): CannotTell =>
  new CannotTell(`The installation of '${name}' was ended by bootgate.`, {
    details: { why, "it said": excerptEnd(said, 1500) || undefined },
    lookAt,
  });
