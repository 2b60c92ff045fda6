/**
 * The package sources of a Debian host as its own apt knows them (sources.list(5)), and the list that adds the backports
 * of its release to them. Nothing is written down here of where packages lie: address, keyring and every other option are
 * the host's own. Pure.
 */

/** One stanza: fields by lower-case name. A one-line entry is read as the stanza it stands for. */
export type AptStanza = Readonly<Record<string, string>>;

/** Options of the one-line style and the fields they stand for, where apt names them differently (sources.list(5)). */
const fieldOf: Readonly<Record<string, string>> = {
  arch: "architectures",
  lang: "languages",
  target: "targets",
};

/** Reads a file of the deb822 style (`*.sources`). Comments and fields without a name are dropped. */
export function parseStanzas(text: string): AptStanza[] {
  const stanzas: Record<string, string>[] = [{}];
  let field = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) continue;
    const stanza = stanzas.at(-1) ?? {};
    const colon = line.indexOf(":");
    if (line.trim() === "") {
      if (Object.keys(stanza).length > 0) stanzas.push({});
      field = "";
    } else if (/^[ \t]/.test(line)) {
      // A keyring may stand in the file itself, over many lines.
      if (field !== "") stanza[field] = `${stanza[field] ?? ""}\n${line}`;
    } else if (colon > 0) {
      field = line.slice(0, colon).trim().toLowerCase();
      stanza[field] = line.slice(colon + 1).trim();
    }
  }
  return stanzas.filter((stanza) => Object.keys(stanza).length > 0);
}

/** Reads a file of the one-line style (`*.list`): `deb [option=value …] URI SUITE COMPONENT…`. */
export function parseOneLiners(text: string): AptStanza[] {
  return text.split("\n").flatMap((line) => {
    const [, types, options = "", rest = ""] =
      /^[ \t]*(deb|deb-src)[ \t]+(?:\[([^\]]*)\][ \t]+)?([^#]*)/.exec(line) ?? [];
    const [uris, suites, ...components] = rest.split(/[ \t]+/).filter((word) => word !== "");
    if (types === undefined || uris === undefined || suites === undefined) return [];
    const named = options.split(/[ \t]+/).flatMap((option) => {
      const [name = "", value] = option.split("=", 2);
      if (value === undefined) return [];
      return [[fieldOf[name.toLowerCase()] ?? name.toLowerCase(), value.replaceAll(",", " ")]];
    });
    return [
      { ...Object.fromEntries(named), types, uris, suites, components: components.join(" ") },
    ];
  });
}

const words = (value: string | undefined): string[] =>
  (value ?? "").split(/\s+/).filter((word) => word !== "");

/** Suites of a release that belong together; its backports are not among them. */
const isOfRelease = (suite: string, codename: string): boolean =>
  suite === codename || (suite.startsWith(`${codename}-`) && !suite.includes("backports"));

/**
 * The stanzas of a private list for apt: the host's own ones for this release, and the release's backports beside them. Null
 * where the host does not say where the release itself comes from.
 */
export function withBackports(stanzas: readonly AptStanza[], codename: string): string | null {
  const release = stanzas.flatMap((stanza) => {
    const suites = words(stanza.suites).filter((suite) => isOfRelease(suite, codename));
    const isOn = !/^(?:no|false|off|0|without|disable)$/i.test(stanza.enabled ?? "yes");
    if (!isOn || suites.length === 0 || !words(stanza.types).includes("deb")) return [];
    return [{ ...stanza, types: "deb", suites: suites.join(" ") }];
  });
  const main = release.find(({ suites }) => words(suites).includes(codename));
  if (main === undefined) return null;
  const backports = { ...main, suites: `${codename}-backports`, components: "main" };
  return [...release, backports].map(formatStanza).join("\n");
}

const formatStanza = (stanza: AptStanza): string =>
  Object.entries(stanza)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");

/** Values of os-release(5) by key, quotes taken off. */
export function parseOsRelease(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const [, key, value = ""] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
      return key === undefined ? [] : [[key, value.replace(/^(["'])(.*)\1$/, "$2")]];
    }),
  );
}

/** `7.2` of the Debian version `1:7.2+dfsg-7+deb12u18` (deb-version(7)), or null. */
export const upstreamVersion = (text: string): string | null =>
  /^(?:\d+:)?(\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)/.exec(text.trim())?.[1] ?? null;

/** The version that `apt-cache policy` would install, or null. */
export const candidateVersion = (policy: string): string | null =>
  upstreamVersion(/^ {2}Candidate: (\S+)$/m.exec(policy)?.[1] ?? "");
