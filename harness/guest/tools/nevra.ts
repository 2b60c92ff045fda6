/** What names a package: `name-[epoch:]version-release.arch`, or the name alone (rpm-ostree tells either). Pure. */

/** A version has no dash, and a release begins with a digit; what does not look so is a name by itself. A hostile name may have lines, or nothing in it. */
export const nevra = /^(.*)-(?:(\d+):)?([^-:]+-\d[^-:]*\.[a-z0-9_]+)$/s;

export const packageName = (word: string): string => nevra.exec(word)?.[1] ?? word;
