// Which release of Fedora an installer is of, by its own files, and what its Anaconda does not know.
import { expect, test } from "vitest";
import { whyNotKnown } from "../../harness/cli/wiring/anaconda-release.ts";
import { judgeInstaller } from "../../harness/states/install/installer-words.ts";
import { fedoraOfDiscInfo, fedoraOfTreeInfo } from "../../images/iso/fedora-release.ts";

const treeInfo = (system: string, version: string): string => `[checksums]
images/boot.iso = sha256:5eaa52bee64c7823fe0a282247e41aeac51865ed0a2b0c7a1b85c1b8d1b835de

[general]
; WARNING.0 = This section provides compatibility with pre-productmd treeinfos.
arch = x86_64
family = ${system}
name = ${system} ${version}
version = ${version}

[header]
type = productmd.treeinfo
version = 1.2

[release]
name = ${system}
short = ${system}
version = ${version}
`;

test.each([
  [treeInfo("Fedora", "43"), 43],
  [treeInfo("Fedora", "Rawhide"), null],
  [treeInfo("CentOS Stream", "10"), null],
  ["[general]\nfamily = Fedora\nversion = 41\n", 41],
  ["[general]\nfamily = Fedora\n", null],
  ["[header]\nversion = 43\n", null],
  ["", null],
])("a .treeinfo", (text, expected) => {
  expect(fedoraOfTreeInfo(text)).toBe(expected);
});

test.each([
  ["1761000000.000000\n43\nx86_64\n", "Fedora-E-dvd-x86_64-43", 43],
  ["1761000000.000000\n43\nx86_64\n", "MINE", null],
  ["1761000000.000000\nFedora 42\nx86_64\n", "Container-Installer-x86_64", 42],
  ["1761000000.000000\nOracle Linux 9.8.0\nx86_64\n", "OL-9-8", null],
  ["1761000000.000000\nRawhide\nx86_64\n", "Fedora-E-dvd-x86_64-rawh", null],
  ["", "Fedora-E-dvd-x86_64-43", null],
])("a .discinfo", (text, label, expected) => {
  expect(fedoraOfDiscInfo(text, label)).toBe(expected);
});

test("an Anaconda that does not know the command is told by its release", () => {
  expect(whyNotKnown({ fedora: 43 }, "bootc", undefined)).toBe(
    "The kickstart command bootc is known to Anaconda from 44.3 on, and the installer of Fedora 43 is Anaconda 43.",
  );
  expect(whyNotKnown({ fedora: 44 }, "bootc", "custom")).toMatch(/from 45\.17 on, .*Fedora 44/);
  expect(whyNotKnown({ fedora: 44 }, "bootc", "luks")).toBeNull();
  expect(whyNotKnown({ fedora: 45 }, "bootc", "custom")).toBeNull();
  expect(whyNotKnown({ fedora: 43 }, "ostreecontainer", "custom")).toBeNull();
  expect(whyNotKnown({}, "bootc", "custom")).toBeNull();
});

test("where the installer itself says so, the message says what to do", () => {
  const said = ["The following problem occurred on line 12 of the kickstart file:", ""];
  expect(judgeInstaller([...said, "Unknown command: bootc"])).toMatchObject({
    blame: "kickstart",
    line: "Unknown command: bootc",
    todo: expect.stringContaining("--kickstart-command ostreecontainer"),
  });
  expect(judgeInstaller([...said, "Unknown command: frobnicate"]).todo).toBeUndefined();
});
