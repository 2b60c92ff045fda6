/** The set-up's way to a QEMU that emulates fast, on hosts that are told and commands that are noted. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CommandOutput } from "../../harness/base/process.ts";
import type { AptHost } from "../../harness/setup/backports.ts";
import { emulationWords, quickenEmulation } from "../../harness/setup/emulation.ts";

let etc = "";
beforeAll(async () => {
  etc = await mkdtemp(join(tmpdir(), "bootgate-etc-"));
  await mkdir(join(etc, "apt", "sources.list.d"), { recursive: true });
  await writeFile(join(etc, "os-release"), "ID=debian\nVERSION_CODENAME=bookworm\n");
  await writeFile(
    join(etc, "apt", "sources.list.d", "debian.sources"),
    "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n",
  );
});
afterAll(() => rm(etc, { recursive: true, force: true }));

interface Setting {
  readonly etc?: string;
  readonly installed?: string | null;
  readonly offered?: string;
  readonly kvm?: boolean;
  readonly isRoot?: boolean;
  readonly update?: Partial<CommandOutput>;
  readonly install?: Partial<CommandOutput>;
}

/** Plays the set-up on a made-up host; returns what it said, what it ran as root and the private list that apt was given. */
async function play(setting: Setting) {
  const { installed = "1:7.2+dfsg-7", offered = "1:10.0.2+ds-2~bpo12+1" } = setting;
  const done = (more: Partial<CommandOutput> = {}) => ({
    stdout: "",
    stderr: "",
    exitCode: 0,
    ...more,
  });
  const said: string[] = [];
  const rooted: string[] = [];
  let version = installed;
  let list = "";
  const host: AptHost = {
    etc: setting.etc ?? etc,
    run: async ([program, ...args]) => {
      if (program === "dpkg-query")
        return version === null ? done({ exitCode: 1 }) : done({ stdout: version });
      const isPrivate = args.includes("Dir::Etc::sourceparts=-");
      return done({ stdout: `  Candidate: ${isPrivate ? offered : "1:7.2+dfsg-7"}\n` });
    },
    asRoot:
      setting.isRoot === false
        ? null
        : async (args) => {
            rooted.push(args.slice(0, 2).join(" "));
            if (args.includes("update")) {
              const path = args.find((word) => word.startsWith("Dir::Etc::sourcelist="));
              list = await readFile(path?.split("=")[1] ?? "", "utf8");
              return done(setting.update);
            }
            if (args.includes("install")) version = offered;
            return done(setting.install);
          },
  };
  await quickenEmulation(
    host,
    async () => setting.kvm === true,
    (line) => said.push(line),
  );
  return { said, rooted, list };
}

const took = ["apt-get update", "apt-get install", "rm -rf"];

describe("a newer QEMU is taken", () => {
  test.each<[string, Setting]>([
    ["an old one is installed and KVM does not work", {}],
    ["none is installed and the release's is old", { installed: null }],
  ])("where %s", async (_, setting) => {
    const { said, rooted, list } = await play(setting);
    expect(rooted).toEqual(took);
    expect(list).toContain("suites: bookworm-backports");
    expect(said).toEqual([
      "KVM does not work here and QEMU 7.2 emulates a guest on one host thread, so QEMU 8.1 or newer is looked for in Debian's backports.",
      "QEMU 10.0.2 is installed from Debian's backports.",
    ]);
  });
});

describe("nothing is asked and nothing is said", () => {
  test.each<[string, Setting]>([
    ["where KVM works", { kvm: true }],
    ["where the release's QEMU is new enough", { installed: "1:10.0.3+ds-1" }],
  ])("%s", async (_, setting) => {
    expect(await play(setting)).toEqual({ said: [], rooted: [], list: "" });
  });
});

describe("it stays with the release's QEMU, says why and goes on", () => {
  const none = { stdout: "", stderr: "", exitCode: 100 };
  test.each<[string, Setting, string]>([
    [
      "offline",
      {
        update: {
          ...none,
          stderr: "W: x\nE: Failed to fetch http://m/InRelease  Could not connect.\n",
        },
      },
      "Failed to fetch http://m/InRelease  Could not connect",
    ],
    ["the mirror says nothing that helps", { update: none }, "apt-get ended with exit code 100"],
    ["nothing newer", { offered: "1:8.0.4" }, "bookworm-backports does not have QEMU 8.1 or newer"],
    [
      "apt refuses",
      { install: { ...none, stderr: "E: Unable to correct problems.\n" } },
      "Unable to correct problems",
    ],
    ["an ordinary user", { isRoot: false }, "this user may not install packages"],
    ["another distribution", { etc: "/nonexistent" }, "this host is not a Debian"],
  ])("%s", async (_, setting, why) => {
    const { said } = await play(setting);
    expect(said.at(-1)).toBe(`QEMU stays at 7.2, since ${why}.`);
  });
});

describe("what doctor says", () => {
  test.each([
    ["7.2.22", "bookworm-backports", /one host thread.*8\.1 or newer.*from bookworm-backports$/],
    ["7.2.22", null, /one host thread.*in about two thirds of the time$/],
    ["10.0.2", "bookworm-backports", /^a host thread for each processor of a guest$/],
  ])("QEMU %s with %s", (version, suite, words) => {
    expect(emulationWords(version, "x64", suite)).toMatch(words);
  });
});
