/** What dnf5 and rpm say: recorded output of dnf5 5.4.6.0, and what other versions say by their sources. */
import { describe, expect, test } from "vitest";
import type { CommandResult } from "../../harness/guest/command.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import {
  dnfOf,
  dnfVersion,
  dnfWords,
  genericRefusal,
  lockedRefusal,
  overlayNotice,
  parseDnfVersion,
  parseHistory,
  persistRefusal,
  whyNotRefused,
} from "../../harness/guest/tools/dnf.ts";
import { parseVerification, rpmOf } from "../../harness/guest/tools/rpm.ts";
import { transcript } from "./support/dnf-transcript.ts";

const ended = (exitCode: number, stdout = "", stderr = ""): CommandResult => ({
  ...{ command: "dnf5", stdout, stderr, exitCode },
  ...{ durationMs: 1, truncated: false },
});

/** A guest that answers every command alike, and notes it. */
function answering(result: CommandResult): { readonly io: GuestIo; readonly asked: string[] } {
  const asked: string[] = [];
  const io: GuestIo = {
    ...{ name: "candidate", timeScale: 1, lookAt: "console.log" },
    exec: async (command) => {
      asked.push(command);
      return result;
    },
  };
  return { io, asked };
}

describe("the version", () => {
  test("is the program's own, and none where it is not there", async () => {
    const { stdout } = transcript("version");
    expect(parseDnfVersion(stdout)).toBe("5.4.6.0");
    expect(await dnfVersion(answering(ended(0, stdout)).io)).toBe("5.4.6.0");
    expect(await dnfVersion(answering(ended(127)).io)).toBeNull();
    expect(parseDnfVersion("libdnf5 version 5.4.6.0\n")).toBeNull();
  });
});

describe("a refusal", () => {
  const { told } = { told: "5.4.6.0" };
  test.each([
    ["locked", lockedRefusal(told)],
    ["locked-nobody-has", lockedRefusal(told)],
    ["persist", persistRefusal(told)],
    ["generic", genericRefusal(told)],
    ["generic-transient", genericRefusal(told)],
  ])("is what 5.4.6 printed: %s", (name, refusal) => {
    expect(whyNotRefused(transcript(name), refusal)).toBeNull();
  });

  test("is judged by exit code, stream and words", () => {
    const refusal = lockedRefusal(told);
    const { stderr } = transcript("locked");
    expect(whyNotRefused(ended(0, "", stderr), refusal)).toBe("was not refused.");
    expect(whyNotRefused(ended(2, "", stderr), refusal)).toMatch(/exit code 2, not 1/);
    expect(whyNotRefused(ended(1, stderr), refusal)).toMatch(/printed something on its output/);
    expect(whyNotRefused(ended(1, "", `Updating\n${stderr}`), refusal)).toMatch(/other words/);
    expect(whyNotRefused(transcript("generic"), refusal)).toMatch(/other words/);
  });

  test("has the words of its version; those of a later one need only be alike", () => {
    expect(lockedRefusal("5.2.12.0").text).toMatch(/run `bootc --help`\.$/);
    expect(lockedRefusal("5.4.2.1").text).toMatch(/run `bootc --help`\.$/);
    expect(lockedRefusal("5.4.3.0").text).toMatch(/Pass --transient/);
    const later = lockedRefusal("5.5.0.0");
    expect(later.text).toBeNull();
    expect(
      whyNotRefused(ended(1, "", "Error: the system is read-only, alas.\n"), later),
    ).toBeNull();
    expect(whyNotRefused(ended(1, "", "Error: no match\n"), later)).toMatch(/other words/);
  });
});

test("the notice of an overlay comes before the first transaction, and not before the next one", () => {
  expect(overlayNotice.test(transcript("transient").stderr)).toBe(true);
  expect(overlayNotice.test(transcript("transient-again").stderr)).toBe(false);
});

test.each([
  ["on a system of bootc", lockedRefusal],
  ["without bootc", genericRefusal],
])(
  "%s a dnf5 before 5.4.3 may show what it would do; its last line of errors is the refusal",
  (_, refusalOf) => {
    for (const version of ["5.2.13.1", "5.4.1.0", "5.4.2.1"]) {
      const refusal = refusalOf(version);
      const words = refusal.text ?? "";
      const late = ended(1, "Installing:\n bootgate-tool\n", `Updating and loading\n${words}\n`);
      expect(whyNotRefused(late, refusal)).toBeNull();
      expect(whyNotRefused(ended(1, "", `${words}\nmore\n`), refusal)).toMatch(/other words/);
      expect(whyNotRefused(ended(0, "", words), refusal)).toBe("was not refused.");
      expect(whyNotRefused(late, refusalOf("5.4.3"))).toMatch(/on its output/);
    }
  },
);

describe("a lock that cannot be opened", () => {
  const lock = (path: string) =>
    ended(1, "", `Failed to open lock file "${path}": (30) - Read-only file system\n`);
  const inUsr = lock("/usr/lib/sysimage/libdnf5/system-repo.lock");
  const asked = (told: string, result: CommandResult) =>
    dnfOf(answering(result).io, told).attempt(["install", "a"]);

  test("is told in words of its own where the version has it below /usr", async () => {
    for (const told of ["5.4.0.0", "5.4.1.0", "5.4.2.1"])
      await expect(asked(told, inUsr)).rejects.toThrow(/^dnf5 keeps its lock below \/usr/);
    const alone = dnfOf(answering(inUsr).io, "5.4.1.0").attemptAlone(["install", "a"], "file:///r");
    await expect(alone).rejects.toThrow(/^dnf5 keeps its lock below \/usr/);
  });

  test("is a failure as any other in a later version, in another place or for another reason", async () => {
    expect(await asked("5.4.3.0", inUsr)).toBe(inUsr);
    const inVar = lock("/var/lib/dnf/system-repo.lock");
    expect(await asked("5.4.1.0", inVar)).toBe(inVar);
    const denied = ended(1, "", inUsr.stderr.replace("(30)", "(13)"));
    expect(await asked("5.4.1.0", denied)).toBe(denied);
    const quoted = ended(0, "", inUsr.stderr);
    expect(await asked("5.4.1.0", quoted)).toBe(quoted);
  });
});

describe("the history", () => {
  test("has a number in each row; the names of packages are cut off", () => {
    const { stdout } = transcript("history");
    expect(parseHistory(stdout)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(stdout).not.toContain("bootgate-tool");
    expect(parseHistory("")).toEqual([]);
  });

  test("is asked for a package's transactions, and may not tell them", async () => {
    const { io, asked } = answering(ended(0, " 2 dnf5 install 2026-11-26 11:07:41 1\n"));
    expect(await dnfOf(io, "5.4.6.0").transactionsOf("a")).toEqual([2]);
    expect(asked[0]).toMatch(/ history list --contains-pkgs=a$/);
    const mute = answering(ended(1, "", "Cannot open the database\n")).io;
    expect(await dnfOf(mute, "5.4.6.0").transactionsOf("a")).toBeNull();
  });
});

test("dnf5 is asked in English, without a proxy or questions; words are quoted", async () => {
  const { io, asked } = answering(ended(0));
  const dnf = dnfOf(io, "5.4.6.0");
  await dnf.run(["install", "it's"], "http://10.0.2.100:8081/");
  await dnf.attempt(["install", "--assumeno", "a"]);
  await dnf.attemptAlone(["install", "a"], "http://10.0.2.100:8081/");
  expect(asked[0]).toMatch(/^env LC_ALL=C 'no_proxy=\*' dnf5 --assumeyes /);
  expect(asked[0]).toMatch(/--repofrompath=bootgate,http:.* install 'it(?:'"'"'|'\\'')s'$/);
  expect(asked[1]).not.toMatch(/assumeyes|assumeno=0|--repo/);
  expect(asked[2]).toMatch(/rm -f "\$f\/bootc"; env LC_ALL=C .*"\$d" "\$@"'? sh --assumeyes/);
});

describe("what an image sets for its users", () => {
  const repository = "http://10.0.2.100:8081/";
  test("does not come between dnf5 and the harness's repository", () => {
    const words = dnfWords(["install", "a"], { told: "5.4.6.0", repository });
    for (const option of ["bootgate.proxy=", "bootgate.gpgcheck=0"])
      expect(words).toContain(`--setopt=${option}`);
    expect(words).toContain("--setopt=assumeno=0");
    // A later name of gpgcheck, which an older version does not know.
    expect(words.join(" ")).not.toContain("pkg_gpgcheck");
    expect(dnfWords(["history"], { told: "5.4.6.0" }).join(" ")).not.toContain("bootgate");
  });

  test("hides no package, neither of a repository nor of those that are installed", () => {
    const query = dnfWords(["repoquery", "--installed"], { told: "5.4.6.0" });
    const install = dnfWords(["install", "a"], { told: "5.4.6.0", repository });
    for (const words of [query, install]) expect(words).toContain("--setopt=disable_excludes=*");
  });

  test("does not decide what a story is about, and a word of the story does", () => {
    const of = (...words: string[]) => dnfWords(words, { told: "5.4.6.0", repository });
    const [auto, none] = ["--setopt=persistence=auto", "--setopt=usr_drift_protected_paths="];
    expect(of("install", "a")).toEqual(expect.arrayContaining([auto, none]));
    expect(of("install", "--transient", "a")).not.toContain(auto);
    expect(of("--setopt=persistence=persist", "install")).not.toContain(auto);
    expect(of("--setopt=usr_drift_protected_paths=/etc", "install")).not.toContain(none);
  });

  test("a version that does not know a setting is not told of it", () => {
    const words = dnfWords(["install", "a"], { told: "5.4.2.0", repository }).join(" ");
    expect(words).not.toMatch(/persistence|drift/);
  });
});

test("rpm's packages are sorted, without keys", async () => {
  const { io } = answering(ended(0, "b-1-1.noarch\ngpg-pubkey-1-2.(none)\na-1-1.x86_64\n"));
  expect(await rpmOf(io).packages()).toEqual(["a-1-1.x86_64", "b-1-1.noarch"]);
  expect(await rpmOf(io).has("b")).toBe(true);
  expect(await rpmOf(io).has("b-1")).toBe(true);
  expect(await rpmOf(io).has("c")).toBe(false);
});

test("rpm -V: what is gone or changed below /usr counts, and nothing that may change", async () => {
  const text = [
    "missing     /usr/share/a/about",
    "..5......    /usr/share/b",
    "S.5......    /usr/share/name with spaces",
    "missing     /usr/bin/x (Permission denied)",
    "S.5......  c /usr/share/b.conf",
    "missing   d /usr/share/doc/b",
    ".M.......  g /usr/lib/sysimage/x",
    "missing     /boot/vmlinuz",
    "missing     /lib/modules/6.6.6-200.fc39.x86_64/vmlinuz",
    "S.5....T.    /lib/modules/6.6.6-200.fc39.x86_64/kernel/fs/x.ko.xz",
    "S.5....T.    /lib/modules/6.6.6-200.fc39.x86_64/modules.dep",
    ".M.......    /usr/bin/mode",
    "",
  ].join("\n");
  const kernel = "/lib/modules/6.6.6-200.fc39.x86_64";
  const found = [
    ...["/usr/share/a/about", "/usr/share/b", "/usr/share/name with spaces"],
    ...[`${kernel}/vmlinuz`, `${kernel}/kernel/fs/x.ko.xz`],
  ];
  expect(parseVerification(text)).toEqual(found);
  expect(await rpmOf(answering(ended(1, text)).io).verify("a-1-1.noarch")).toEqual(found);
  expect(await rpmOf(answering(ended(0)).io).verify("a-1-1.noarch")).toEqual([]);
  const gone = answering(ended(1, "package a-1-1.noarch is not installed\n")).io;
  await expect(rpmOf(gone).verify("a-1-1.noarch")).rejects.toThrow(/cannot tell whether 'a-1-1/);
});
