/** Why a guest that is up cannot be reached over SSH, by its own report, and whose fault that is. */
import { describe, expect, test } from "vitest";
import { isHeldAgainst, judgeSshTrouble } from "../../harness/guest/ssh-trouble.ts";

describe("why SSH cannot be had", () => {
  const unit = (id: string, load: string, active: string, result: string, file: string): string =>
    `Id=${id}\nLoadState=${load}\nActiveState=${active}\nSubState=x\nResult=${result}\nUnitFileState=${file}\n`;
  const report = (units: readonly string[], listens = "", addresses = "eth0 UP 10.0.2.15/24 ") =>
    `== units\n${units.join("\n")}\n== listens\n${listens}\n== addresses\nlo UNKNOWN 127.0.0.1/8 ::1/128\n${addresses}\n== failed units\n`;
  const none = unit("ssh.service", "not-found", "inactive", "success", "");
  const line = "   0: 00000000:0016 00000000:0000 0A";
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
    ["a key refused", [report([none], line), "key-refused"], "unknown", /does not take/],
    ["a guest that says nothing", ["", "not-listening"], "unknown", /did not tell in time/],
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
});
