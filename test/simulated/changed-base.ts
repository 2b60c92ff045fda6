/** What rpm-ostree of the simulated guest made of an image's packages, as words of a deployment: a NEVRA that was layered, `=NEVRA` that replaced one of the base, `-NAME` that was removed. */
import { storyPackages } from "../../images/rpm/packages.ts";
import type { Deployment } from "./system.ts";

type Changed = Pick<Deployment, "image" | "layered">;

const nameOf = (nevra: string): string => nevra.replace(/-[^-]+-[^-]+$/, "");
const marked = (mark: string, { layered }: Changed): string[] =>
  layered.filter((word) => word.startsWith(mark)).map((word) => word.slice(1));

export const replacedIn = (one: Changed): string[] => marked("=", one);
export const removedFrom = (one: Changed): string[] => marked("-", one);
export const layeredIn = ({ layered }: Changed): string[] =>
  layered.filter((word) => !/^[-=]/.test(word));

/** Removals and replacements that nothing was done for: rpm-ostree does not know the package as one of the base. */
export function inactiveIn({ image, layered }: Changed): string[] {
  const known = image.baseDatabase?.map(nameOf);
  return layered.filter((word) => {
    if (known === undefined || !/^[-=]/.test(word)) return false;
    return !known.includes(word.startsWith("=") ? nameOf(word.slice(1)) : word.slice(1));
  });
}

/** The deployment without what nothing was done for. */
export function activeOf(one: Changed): Changed {
  const inactive = inactiveIn(one);
  return { image: one.image, layered: one.layered.filter((word) => !inactive.includes(word)) };
}

/** The packages that the deployment has, of those that its image told and of those that came. */
export function packagesOf(told: Changed): string[] {
  const one = activeOf(told);
  const came = [...layeredIn(one), ...replacedIn(one)];
  const gone = [...removedFrom(one), ...replacedIn(one).map(nameOf)];
  const kept = (one.image.packages ?? []).filter((nevra) => !gone.includes(nameOf(nevra)));
  return [...kept, ...came];
}

const filesOf = (nevra: string): Readonly<Record<string, string>> => {
  const found = storyPackages.find(({ name, version }) => nevra.startsWith(`${name}-${version}-`));
  return Object.fromEntries(
    Object.entries(found?.files ?? {}).map(([path, { text }]) => [path, text]),
  );
};

/** A file below /usr as rpm-ostree left it; null where it went with its package, undefined where it is the image's own affair. */
export function changedFile(told: Changed, path: string): string | null | undefined {
  const one = activeOf(told);
  for (const nevra of [...layeredIn(one), ...replacedIn(one)]) {
    const text = filesOf(nevra)[path];
    if (text !== undefined) return text;
  }
  const gone = (one.image.packages ?? []).filter((nevra) =>
    removedFrom(one).includes(nameOf(nevra)),
  );
  return gone.some((nevra) => path in filesOf(nevra)) ? null : undefined;
}

/** The words of `rpm-ostree install` and `override replace`: what they do to what a deployment has already. */
export function asked(words: readonly string[]): string[] {
  const nevra = (path: string): string => path.replace(/^.*\//, "").replace(/\.rpm$/, "");
  const isOverride = words[0] === "override";
  return words.slice(isOverride ? 2 : 1).map((word) => {
    if (word.startsWith("--install=")) return nevra(word.slice("--install=".length));
    if (word.startsWith("--remove=")) return `-${word.slice("--remove=".length)}`;
    return `${isOverride ? "=" : ""}${nevra(word)}`;
  });
}
