/** Why a guest that is up cannot be reached over SSH, by its own report, and whose fault that is. */
import { describe, expect, test } from "vitest";
import type { HostVerdict } from "../../harness/base/host-health.ts";
import type { RootChannel } from "../../harness/guest/channel/root-channel.ts";
import { isHeldAgainst, judgeSshTrouble, sshTrouble } from "../../harness/guest/ssh-trouble.ts";
import { line, none, report, unit } from "./support/ssh-report.ts";

describe("why SSH cannot be had", () => {
  test.each<[string, Parameters<typeof judgeSshTrouble>, string, RegExp]>([
    [
      "a failed unit",
      [
        report([none, unit("sshd.service", "loaded", "failed", "exit-code", "enabled")]),
        "not-listening",
      ],
      "image",
      /sshd\.service has failed \(exit-code\)/,
    ],
    [
      "a unit that fails again and again",
      [
        report([unit("ssh.service", "loaded", "activating", "start-limit-hit", "enabled")]),
        "not-listening",
      ],
      "image",
      /has failed/,
    ],
    [
      "a unit that the image does not enable, and that fails because it is wished for",
      [
        report([unit("sshd.service", "loaded", "failed", "exit-code", "disabled")]),
        "not-listening",
      ],
      "unknown",
      /not enabled and failed when asked to start \(exit-code\)/,
    ],
    [
      "a unit that is not done",
      [
        report([unit("ssh.service", "loaded", "activating", "success", "enabled")]),
        "not-listening",
      ],
      "unknown",
      /still starting/,
    ],
    [
      "a unit that has failed and that an enabled socket starts",
      [
        report([
          unit("ssh.service", "loaded", "failed", "exit-code", "disabled"),
          unit("ssh.socket", "loaded", "inactive", "success", "enabled"),
        ]),
        "not-listening",
      ],
      "image",
      /ssh\.service has failed/,
    ],
    [
      "a unit whose start is queued",
      [
        report([`${unit("sshd.service", "loaded", "inactive", "success", "enabled")}Job=812\n`]),
        "not-listening",
      ],
      "unknown",
      /still starting/,
    ],
    ["no unit", [report([none, none]), "not-listening"], "unknown", /does not have an sshd/],
    [
      "a masked unit",
      [report([unit("ssh.service", "masked", "inactive", "success", "masked")]), "not-listening"],
      "unknown",
      /is masked/,
    ],
    [
      "an enabled unit whose condition was not met",
      [report([unit("sshd.service", "loaded", "inactive", "success", "enabled")]), "not-listening"],
      "image",
      /is enabled and does not run/,
    ],
    [
      "an sshd on another port",
      [report([unit("sshd.service", "loaded", "active", "success", "enabled")]), "not-listening"],
      "unknown",
      /sshd\.service runs and nothing listens on port 22/,
    ],
    ["no network", [report([none], line, "eth0 DOWN "), "unanswered"], "image", /no address/],
    [
      "no IPv4",
      [
        report([none], line, "eth0 UP fec0::5054:ff:fe12:3456/64 fe80::5054:ff:fe12:3456/64 "),
        "unanswered",
      ],
      "unknown",
      /IPv6 address only/,
    ],
    [
      "an address of the link alone",
      [report([none], line, "eth0 UP fe80::5054:ff:fe12:3456/64 "), "unanswered"],
      "image",
      /no address/,
    ],
    ["no answer", [report([none], line), "unanswered"], "image", /listens and does not answer/],
    ["commands that do not end", [report([none], line), "unfinished"], "image", /does not end/],
    ["a key refused", [report([none], line), "key-refused"], "unknown", /does not take/],
    ["a guest that says nothing", ["", "not-listening"], "unknown", /did not tell in time/],
    [
      "a guest that stops before it says what wants an sshd",
      [
        `== units\n${unit("sshd.service", "loaded", "failed", "exit-code", "disabled")}\n== wanted\n`,
        "not-listening",
      ],
      "unknown",
      /did not tell in time/,
    ],
  ])("%s", (_name, [text, situation], blame, words) => {
    const judgement = judgeSshTrouble(text, situation);
    expect(judgement.blame).toBe(blame);
    expect(judgement.because).toMatch(words);
  });

  test.each<[string, string, boolean]>([
    ["an sshd that is gone", report([none]), true],
    [
      "a wish that failed",
      report([unit("sshd.service", "loaded", "failed", "exit-code", "disabled")]),
      false,
    ],
    [
      "a wish that came to nothing",
      report([unit("sshd.service", "loaded", "inactive", "success", "disabled")]),
      false,
    ],
    [
      "a start that goes on",
      report([unit("sshd.service", "loaded", "activating", "success", "enabled")]),
      false,
    ],
  ])("of a guest that answered before: %s", (_name, text, isHeld) => {
    const judgement = judgeSshTrouble(text, "not-listening");
    expect(isHeldAgainst(judgement, true)).toBe(isHeld);
    expect(isHeldAgainst(judgement, false)).toBe(false);
  });

  test.each<[string, number, HostVerdict, string, boolean, RegExp]>([
    [
      "on a host that was well",
      1,
      { isWell: true, figures: "load 0.1" },
      "BootFailed",
      false,
      /does not answer from outside\.$/m,
    ],
    [
      "on a starved host",
      1,
      { isWell: false, figures: "load 40.0 on 2" },
      "CannotTell",
      true,
      /host +load 40\.0 on 2/,
    ],
    [
      "under emulation",
      3,
      { isWell: true, figures: "load 0.1" },
      "CannotTell",
      false,
      /processor +emulated/,
    ],
  ])(
    "an sshd that listens and does not answer in time: %s",
    async (_name, timeScale, host, kind, isStillOpen, words) => {
      const channel = { exec: async () => ({ stdout: report([none], line) }) };
      const { error, isOpen } = await sshTrouble({
        channel: channel as unknown as RootChannel,
        name: "v1",
        stage: "userspace",
        lookAt: "console.log",
        timeScale,
        signal: new AbortController().signal,
        situation: "unanswered",
        lastTry: "no SSH banner has come",
        publicKey: "ssh-ed25519 AAAA",
        answeredBefore: true,
        host,
      });
      expect(error.constructor.name).toBe(kind);
      expect(isOpen).toBe(isStillOpen);
      expect(error.message).toMatch(words);
    },
  );
});

describe("a key that is refused", () => {
  const report = (parts: Readonly<Record<string, string>>): string =>
    Object.entries({ units: "", listens: "x", ...parts })
      .map(([heading, text]) => `== ${heading}\n${text}\n`)
      .join("");
  const there = "1\n/var/roothome/.ssh/authorized_keys\nxfs";
  const gone = "0\n/var/roothome/.ssh/authorized_keys\nxfs";
  const unsafe = (path: string): string =>
    `Authentication refused: bad ownership or modes for directory ${path}`;
  type Blame = "image" | "unknown";
  test.each<[string, Readonly<Record<string, string>>, [Blame, Blame], RegExp]>([
    [
      "without a reason",
      { key: there },
      ["unknown", "unknown"],
      /does not take the harness's key$/,
    ],
    [
      "since the home of root is unsafe",
      { key: there, "sshd refusals": unsafe("/var/roothome") },
      ["image", "image"],
      /takes no key of root, since the owner or mode of \/var\/roothome is unsafe$/,
    ],
    [
      "since the folder that the harness makes is unsafe",
      { key: there, "sshd refusals": unsafe("/var/roothome/.ssh") },
      ["unknown", "unknown"],
      /does not take/,
    ],
    ["that never came", { key: gone }, ["unknown", "image"], /authorized_keys/],
    [
      "that lay where nothing is kept",
      { key: "0\n/var/roothome/.ssh/authorized_keys\ntmpfs" },
      ["unknown", "unknown"],
      /its systemd did not put it there/,
    ],
    [
      "that lay in a home of root outside of /var",
      { key: "0\n/root/.ssh/authorized_keys\nxfs" },
      ["unknown", "unknown"],
      /its systemd did not put it there/,
    ],
    [
      "since root may not log in",
      { key: there, "sshd settings": "permitrootlogin no\npubkeyauthentication yes" },
      ["unknown", "unknown"],
      /its sshd has 'permitrootlogin no'/,
    ],
    [
      "since keys are not looked for in root's home",
      { key: there, "sshd settings": "authorizedkeysfile /etc/ssh/keys/%u" },
      ["unknown", "unknown"],
      /its sshd has 'authorizedkeysfile \/etc\/ssh\/keys\/%u'/,
    ],
    [
      "and the settings are the usual ones",
      {
        key: there,
        "sshd settings":
          "permitrootlogin without-password\npubkeyauthentication yes\nauthorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2",
      },
      ["unknown", "unknown"],
      /does not take the harness's key$/,
    ],
    [
      "since others are listed",
      {
        key: there,
        "sshd refusals": "User root from 10.0.2.2 not allowed because not listed in AllowUsers",
      },
      ["unknown", "unknown"],
      /does not let root in: not listed in AllowUsers/,
    ],
    ["by a guest that says nothing", {}, ["unknown", "unknown"], /does not take/],
  ])("%s", (_name, parts, [first, again], words) => {
    for (const [answeredBefore, blame] of [
      [false, first],
      [true, again],
    ] as const) {
      const judgement = judgeSshTrouble(report(parts), "key-refused", answeredBefore);
      expect(judgement.blame).toBe(blame);
      expect(isHeldAgainst(judgement, answeredBefore)).toBe(blame === "image");
    }
    expect(judgeSshTrouble(report(parts), "key-refused", false).because).toMatch(words);
  });
});
