/** RPM files that were installed or replaced from a file. rpm-ostree does not keep them, so a person brings them into folders beside the Containerfile. */
import type { LocalChanges } from "../guest/tools/rpm-ostree.ts";
import { commentLine, packageWords } from "./checked-words.ts";
import { bringsRepository, isKernel, rpmFileName } from "./package-names.ts";

export interface RpmFolder {
  /** Beside the Containerfile, and below /tmp in the build. */
  readonly path: string;
  /** Names of files; none where the host has none of the kind. */
  readonly files: readonly string[];
}

type Kind = "repositories" | "kernel" | "replacements" | "local" | "overrides";

/** The folders by what has to be done with their files. Throws UsageError for a name that cannot be written safely. */
export function rpmFolders(changes: LocalChanges): Readonly<Record<Kind, RpmFolder>> {
  const { localPackages, localReplacements, fileOverrides } = changes;
  packageWords("requested-local-packages", localPackages);
  packageWords("requested-base-local-replacements", localReplacements);
  packageWords("requested-local-fileoverride-packages", fileOverrides);
  const folder = (name: string, words: readonly string[]): RpmFolder => ({
    path: `rpms/${name}`,
    files: words.map(rpmFileName),
  });
  const not = (is: (word: string) => boolean) => (word: string) => !is(word);
  return {
    repositories: folder("repositories", localPackages.filter(bringsRepository)),
    kernel: folder("kernel", localReplacements.filter(isKernel)),
    replacements: folder("replacements", localReplacements.filter(not(isKernel))),
    local: folder("local", localPackages.filter(not(bringsRepository))),
    overrides: folder("over-files", fileOverrides),
  };
}

/** Brings a folder's files into the build; nothing where it has none. */
export const copied = ({ path, files }: RpmFolder): string[] =>
  files.length === 0
    ? []
    : [
        `# Put the RPM files into ${path}/ first:`,
        ...files.map((name) => commentLine(`  ${name}`)),
        `COPY ${path}/ /tmp/${path}/`,
      ];

/** The files in the build, as a shell's word. */
export const inBuild = ({ path, files }: RpmFolder): string[] =>
  files.length === 0 ? [] : [`/tmp/${path}/*.rpm`];
