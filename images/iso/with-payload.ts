/** An installer ISO and the OCI image that it installs, each by its own word: what is tested then is the OCI image. */
import { UsageError } from "../../harness/base/errors.ts";
import { type FoundImage, type Image, standInsByLabels } from "../image.ts";
import { layoutForm } from "../origins/oci-layout.ts";
import type { OpenedOci } from "../origins/open-oci.ts";

/**
 * The manifest's digest is the identity, and what the installed system has to report. Throws UsageError where the two are
 * for different architectures.
 */
export function withPayload(
  iso: FoundImage,
  { facts, follows, index, notes }: OpenedOci,
  ociName: string,
): Image {
  const { digest, architecture, labels } = facts;
  const told = iso.architecture ?? architecture;
  if (told !== architecture)
    throw new UsageError(
      `The ISO '${iso.name}' is for ${told}, the OCI image '${ociName}' for ${architecture}; it cannot install it.`,
    );
  return {
    ...iso,
    digest,
    manifest: digest,
    architecture,
    oci: layoutForm(facts),
    follows: follows ?? iso.follows,
    standIns: [...new Set([...iso.standIns, ...standInsByLabels(labels)])],
    ...(index === undefined ? {} : { index }),
    notes: [
      ...(iso.notes ?? []),
      ...notes,
      `It is the OCI image '${ociName}', to be installed from an ISO (${iso.digest}).`,
    ],
  };
}
