/**
 * The reference OS as the catalogue names it. Its good versions come without a disk: like any other image they are installed
 * by their own `bootc install` before they boot. Disks of the broken and the odd ones are still put together here, natively.
 */
import type { BuiltImages } from "../resolve.ts";
import { buildReferenceOs, type Edition, type ReferenceOptions } from "./build.ts";

/** Versions that install themselves. Those with packages, rpm-ostree or podman differ in nothing that installs, and stories want many of their kind. */
const installed = (edition: Edition): readonly string[] =>
  edition === "plain" || edition === "bootupd" ? ["v1", "v2"] : [];

/** Builds versions of an edition, or finds them built. */
export async function provideReference(
  versions: readonly string[],
  edition: Edition,
  options: Omit<ReferenceOptions, "versions" | "edition">,
): Promise<BuiltImages> {
  const native = versions.filter((version) => !installed(edition).includes(version));
  const built = await buildReferenceOs({ ...options, edition, versions: native });
  const entries = Object.entries(built.versions).map(([version, facts]) => [
    version,
    installed(edition).includes(version) ? { ...facts, disk: null } : facts,
  ]);
  return { ...built, versions: Object.fromEntries(entries) };
}
