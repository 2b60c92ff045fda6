/** Whether this user can build the reference OS: as root, in a user namespace, or by `sudo -n`. Never a failure of the set-up: a finished build may be in the cache. */
import { type NamespaceRefusal, refuseNamespace } from "../../images/reference/user-namespace.ts";
import { rootPrefix } from "./host-packages.ts";

export interface BuildRights {
  readonly isRoot: boolean;
  /** Why user namespaces do not work, or null; null for root, who does not need them. */
  readonly refusal: NamespaceRefusal | null;
  readonly hasSudo: boolean;
}

/** Tries out what a build would use. */
export async function findBuildRights(signal?: AbortSignal): Promise<BuildRights> {
  if (process.getuid?.() === 0) return { isRoot: true, refusal: null, hasSudo: false };
  const refusal = await refuseNamespace(signal);
  return { isRoot: false, refusal, hasSudo: refusal !== null && (await rootPrefix()) !== null };
}

/** What `doctor` says of user namespaces. Pure. */
export function namespaceWords({ isRoot, refusal, hasSudo }: BuildRights): string {
  if (isRoot) return "not needed: this user is root";
  if (refusal === null) return "work: the reference OS can be built without root";
  const why = `do not work: ${refusal.reason}`;
  return hasSudo
    ? `${why}; the reference OS is built through sudo`
    : `${why}; without them or root the reference OS cannot be built (${refusal.toDo})`;
}

/** The sentence of the set-up where the reference OS cannot be built, else null. Pure. */
export const buildWarning = (rights: BuildRights): string | null =>
  rights.refusal === null || rights.hasSudo ? null : `User namespaces ${namespaceWords(rights)}.`;

/** Says the warning, where there is one. */
export async function warnOfBuild(say: (line: string) => void): Promise<void> {
  const warning = buildWarning(await findBuildRights());
  if (warning !== null) say(warning);
}
