/** The known-good image of a board, found as a candidate is. */
import { UsageError } from "../../base/errors.ts";
import type { ImageFinder } from "../../engine/known-good.ts";
import type { MachineDriver } from "../../machine/machine.ts";
import type { RegistryOptions } from "./image-options.ts";
import { resolveImages } from "./session.ts";
import { wantsOf } from "./unbootable.ts";

/** Finds it by what the command line says of catalogues and registries. What it finds can be booted, or be installed on a disk. */
export function findGoodImage(
  options: RegistryOptions & { readonly catalogue?: string },
  drivers: readonly MachineDriver[],
  say: (line: string) => void,
  signal: AbortSignal,
): ImageFinder {
  const wants = wantsOf(drivers, ["uefi"]);
  const { catalogue, authfile, certDir, tlsVerify } = options;
  const access = {
    ...(catalogue === undefined ? {} : { catalogue }),
    ...(authfile === undefined ? {} : { authfile }),
    ...(certDir === undefined ? {} : { certDir }),
    ...(tlsVerify === undefined ? {} : { tlsVerify }),
  };
  return async (name, architecture) => {
    const how = { ...access, architecture, wants };
    const { image } = await resolveImages({ image: name }, how, say, signal);
    if (image !== undefined && (image.disk !== null || image.oci !== null)) return image;
    throw new UsageError(`The known-good image '${name}' has no installed disk to boot.`);
  };
}
