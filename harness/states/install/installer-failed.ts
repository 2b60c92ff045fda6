/** The error of an installation that failed, by its words, and by who wrote the kickstart. */

import {
  CannotTell,
  ExpectationFailed,
  HostUnfit,
  quoting,
  UsageError,
} from "../../base/errors.ts";
import { maskSecrets } from "../../base/secrets.ts";
import { excerptEnd } from "../../guest/excerpt.ts";
import type { InstallProgress } from "./installer-stages.ts";
import { judgeInstaller } from "./installer-words.ts";
import { maskKickstart } from "./mask-kickstart.ts";
import { registryOf, type ServedPayload } from "./served-payload.ts";

/** Who wrote the kickstart: this program, the person who named a file, or who made the ISO. */
export type KickstartAuthor = "harness" | "caller" | "iso";

/** What is thrown for a failure that the installer has told. */
export function installerFailed(
  { failed, failedIn }: Pick<InstallProgress, "failed" | "failedIn">,
  options: {
    readonly name: string;
    readonly author: KickstartAuthor;
    readonly sizeMiB: number;
    readonly lookAt: string;
    /** Where the harness served the image, while it was still served. */
    readonly payload?: Pick<ServedPayload, "forward"> | null | undefined;
  },
): Error {
  const said = failed.map((text) => maskKickstart(maskSecrets(text)));
  const { blame, why, todo, line } = judgeInstaller(said);
  const { name, author, sizeMiB, lookAt, payload = null } = options;
  const headline = quoting`The installation from '${name}' failed: ${line}`;
  const told = {
    details: {
      stage: failedIn ?? undefined,
      why,
      "it said": excerptEnd(said.join("\n"), 1500),
      disk: `${sizeMiB} MiB`,
      registry: payload === null ? undefined : `the harness's own, ${registryOf(payload)}`,
      "to do": todo,
    },
    lookAt,
  };
  switch (blame) {
    case "image":
      return new ExpectationFailed(headline, told);
    case "host":
      return new HostUnfit(headline, told);
    case "kickstart":
      if (author === "caller") return new UsageError(headline, told);
      if (author === "iso") return new ExpectationFailed(headline, told);
      // Ours, which another version of the installer may not know: nothing against the ISO.
      return new CannotTell(headline, told);
    case "unknown":
      return new CannotTell(headline, told);
  }
  return blame satisfies never;
}
