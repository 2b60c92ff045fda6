/** What dnf5 and rpm say: recorded output of dnf5 5.4.6.0, and what other versions say by their sources. */
import { describe, expect, test } from "vitest";
import type { CommandResult } from "../../harness/guest/command.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import {
  dnfOf,
  genericRefusal,
  lockedRefusal,
  overlayNotice,
  parseDnfVersion,
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
    expect(await dnfOf(answering(ended(0, stdout)).io).version()).toBe("5.4.6.0");
    expect(await dnfOf(answering(ended(127)).io).version()).toBeNull();
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

test("dnf5 is asked in English, without questions, with one repository; words are quoted", async () => {
  const { io, asked } = answering(ended(0));
  await dnfOf(io).run(["install", "it's"], "http://10.0.2.100:8081/");
  await dnfOf(io).attempt(["install", "--assumeno", "a"]);
  await dnfOf(io).attemptAlone(["install", "a"], "http://10.0.2.100:8081/");
  expect(asked[0]).toMatch(/^env LC_ALL=C dnf5 --assumeyes --repofrompath=bootgate,http:/);
  expect(asked[0]).toMatch(
    /--repo=bootgate --no-gpgchecks install 'it'"'"'s'$|install 'it'\\''s'$/,
  );
  expect(asked[1]).toBe("env LC_ALL=C dnf5 install --assumeno a");
  expect(asked[2]).toMatch(/PATH=\/nonexistent "\$d" "\$@"' sh --assumeyes/);
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
    ".M.......    /usr/bin/mode",
    "",
  ].join("\n");
  const found = ["/usr/share/a/about", "/usr/share/b", "/usr/share/name with spaces"];
  expect(parseVerification(text)).toEqual(found);
  expect(await rpmOf(answering(ended(1, text)).io).verify("a-1-1.noarch")).toEqual(found);
  expect(await rpmOf(answering(ended(0)).io).verify("a-1-1.noarch")).toEqual([]);
  const gone = answering(ended(1, "package a-1-1.noarch is not installed\n")).io;
  await expect(rpmOf(gone).verify("a-1-1.noarch")).rejects.toThrow(/cannot tell whether 'a-1-1/);
});
