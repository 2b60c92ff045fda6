/**
 * The release of Fedora that an installer's medium says it is of. Which Anaconda it has, no file of it says; the release
 * does, since Anaconda's numbers follow Fedora's.
 */
import type { IsoVolume } from "./iso9660.ts";

const maxBytes = 64 * 1024;

/** The number of the release; null for Rawhide, for other systems, and where the medium does not tell. */
export async function fedoraReleaseOf(iso: IsoVolume): Promise<number | null> {
  const text = async (path: string): Promise<string> => {
    const file = await iso.find(path);
    if (file === null || file.size > maxBytes) return "";
    return (await iso.read(file, maxBytes)).toString("latin1");
  };
  return (
    fedoraOfTreeInfo(await text("/.treeinfo")) ??
    fedoraOfDiscInfo(await text("/.discinfo"), iso.label)
  );
}

/** Of a `.treeinfo` (productmd, doc/treeinfo-1.1.rst; `[general]` is what came before it). */
export function fedoraOfTreeInfo(text: string): number | null {
  const values = new Map<string, string>();
  let section = "";
  for (const line of text.split(/\r?\n/)) {
    section = /^\[([\w-]+)\]/.exec(line)?.[1] ?? section;
    const [, key, value] = /^(\w+)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined) values.set(`${section}.${key}`, value ?? "");
  }
  for (const [system, version] of [
    ["release.short", "release.version"],
    ["release.name", "release.version"],
    ["general.family", "general.version"],
  ] as const)
    if (/^fedora(?: linux)?$/i.test(values.get(system) ?? ""))
      return numberOf(values.get(version) ?? "");
  return null;
}

/**
 * Of a `.discinfo`: time, release, architecture, a line each. The release is `43` where lorax wrote it (pylorax/discinfo.py),
 * so that only the label tells whose it is, and `Fedora 43` of osbuild's media (pkg/manifest, ISOTree).
 */
export function fedoraOfDiscInfo(text: string, label: string): number | null {
  const release = text.split(/\r?\n/)[1]?.trim() ?? "";
  const [, system, version] = /^(?:(Fedora(?: Linux)?) )?(\d+)$/i.exec(release) ?? [];
  if (system === undefined && !/^Fedora\b/i.test(label)) return null;
  return numberOf(version ?? "");
}

const numberOf = (version: string): number | null =>
  /^\d{1,3}$/.test(version) ? Number(version) : null;
