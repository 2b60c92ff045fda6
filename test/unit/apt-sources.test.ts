/** The host's own package sources, read as apt reads them, and the private list that adds the backports. */
import { describe, expect, test } from "vitest";
import {
  candidateVersion,
  parseOneLiners,
  parseOsRelease,
  parseStanzas,
  upstreamVersion,
  withBackports,
} from "../../harness/setup/apt-sources.ts";

const stanzas = `# the image's own
Types: deb deb-src
# a comment in the middle
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/example.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://packages.example/apt
Suites: nodistro
Components: main
`;

describe("deb822 style", () => {
  test("the release's stanzas stay as they are, the backports come from where the release comes from", () => {
    expect(withBackports(parseStanzas(stanzas), "bookworm")).toBe(`types: deb
uris: http://mirror.example/debian
suites: bookworm bookworm-updates
components: main contrib
signed-by: /usr/share/keyrings/example.gpg

types: deb
uris: http://mirror.example/security
suites: bookworm-security
components: main

types: deb
uris: http://mirror.example/debian
suites: bookworm-backports
components: main
signed-by: /usr/share/keyrings/example.gpg
`);
  });

  test("a keyring that stands in the file goes along, line by line", () => {
    const text = `Types: deb\nURIs: http://m/d\nSuites: trixie\nComponents: main\nSigned-By:\n -----BEGIN-----\n .\n abc=\n -----END-----\n`;
    const list = withBackports(parseStanzas(text), "trixie") ?? "";
    expect(list.split("\n -----BEGIN-----\n .\n abc=\n -----END-----\n")).toHaveLength(3);
    expect(parseStanzas(list).map(({ suites }) => suites)).toEqual(["trixie", "trixie-backports"]);
  });

  test.each([
    ["it is switched off", stanzas.replaceAll("Types: deb", "Enabled: no\nTypes: deb")],
    ["it has sources only", stanzas.replace("deb deb-src", "deb-src")],
    ["it is of another release", stanzas.replaceAll("bookworm", "trixie")],
    ["there is none", ""],
  ])("nothing is made up where %s", (_, text) => {
    expect(withBackports(parseStanzas(text), "bookworm")).toBeNull();
  });

  test("backports that the host already has are not named twice", () => {
    const text = stanzas.replace("bookworm-updates", "bookworm-updates bookworm-backports");
    expect(withBackports(parseStanzas(text), "bookworm")?.match(/backports/g)).toHaveLength(1);
  });
});

describe("one-line style", () => {
  test("options become fields", () => {
    const text = `# deb http://old.example/debian bookworm main
deb [arch=amd64,i386 signed-by=/k/a.gpg] http://mirror.example/debian bookworm main non-free # main
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian bookworm-updates main\n`;
    expect(parseOneLiners(text)[0]).toEqual({
      types: "deb",
      uris: "http://mirror.example/debian",
      suites: "bookworm",
      components: "main non-free",
      architectures: "amd64 i386",
      "signed-by": "/k/a.gpg",
    });
    const suites = parseStanzas(withBackports(parseOneLiners(text), "bookworm") ?? "");
    expect(suites.map((stanza) => stanza.suites)).toEqual([
      "bookworm",
      "bookworm-updates",
      "bookworm-backports",
    ]);
  });
});

test("os-release and versions", () => {
  expect(parseOsRelease("ID=debian\nVERSION_CODENAME=\"bookworm\"\nNAME='D x'\n# c\n")).toEqual({
    ID: "debian",
    VERSION_CODENAME: "bookworm",
    NAME: "D x",
  });
  expect(upstreamVersion("1:7.2+dfsg-7+deb12u18+b3")).toBe("7.2");
  expect(upstreamVersion("1:10.0.2+ds-2+deb13u1~bpo12+1")).toBe("10.0.2");
  expect(upstreamVersion("(none)")).toBeNull();
  expect(candidateVersion("qemu:\n  Installed: (none)\n  Candidate: 1:10.0.2+ds-2\n")).toBe(
    "10.0.2",
  );
  expect(candidateVersion("")).toBeNull();
});
