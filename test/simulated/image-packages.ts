/** What dnf5 does in an image of the simulated world: packages of the stories' repository come and go, with their files. */
import type { PackageStep } from "../../images/image.ts";
import { type RpmPackage, storyPackages } from "../../images/rpm/packages.ts";

const nevra = ({ name, version }: RpmPackage): string => `${name}-${version}-1.noarch`;
const nameOf = (installed: string): string => installed.replace(/-[^-]+-[^-]+$/, "");

export interface ChangedPackages {
  readonly installed: readonly string[];
  /** What the last steps brought, but for /var. */
  readonly files: Readonly<Record<string, string>>;
  /** What they took away. */
  readonly removed: Readonly<Record<string, string>>;
}

const filesOf = (packages: readonly RpmPackage[]): Record<string, string> =>
  Object.fromEntries(
    packages.flatMap(({ files }) =>
      Object.entries(files)
        .filter(([path]) => !path.startsWith("/var/"))
        .map(([path, { text }]): [string, string] => [path, text]),
    ),
  );

/** The packages of an image after these steps. */
export function changedPackages(
  from: { readonly packages?: readonly string[] },
  steps: readonly PackageStep[],
): ChangedPackages {
  const before = from.packages ?? [];
  let installed = [...before];
  const seen = new Set(before);
  for (const [verb, ...names] of steps) {
    const coming = verb === "remove" ? [] : verb === "swap" ? names.slice(1) : names;
    const found = coming.map((word) => {
      const known = storyPackages.filter(
        ({ name, version }) => word === name || word === `${name}-${version}`,
      );
      const one = verb === "downgrade" ? known[0] : known.at(-1);
      if (one === undefined) throw new Error(`No match for argument: ${word}`);
      return one;
    });
    const going = [...(verb === "install" ? [] : names), ...found.map(({ name }) => name)];
    installed = installed.filter((one) => !going.includes(nameOf(one)));
    installed.push(...found.map(nevra));
    for (const one of installed) seen.add(one);
  }
  const those = (list: readonly string[]): RpmPackage[] =>
    storyPackages.filter((one) => list.includes(nevra(one)));
  const files = filesOf(those(installed));
  const gone = filesOf(those([...seen].filter((one) => !installed.includes(one))));
  const removed = Object.fromEntries(Object.entries(gone).filter(([path]) => !(path in files)));
  return { installed, files, removed };
}
