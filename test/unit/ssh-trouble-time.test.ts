/** Why SSH cannot be had: what time may still change is judged when it is over. */
import { expect, test } from "vitest";
import { judgeSshTrouble, type SshSituation } from "../../harness/guest/ssh-trouble.ts";
import { line, none, report, unit } from "./support/ssh-report.ts";

const open = { isOpen: true };
const again = (restarts: string): string =>
  report([`${unit("sshd.service", "loaded", "activating", "exit-code", "enabled")}${restarts}`]);
const dead = report([none], line, "eth0 UP ");
test.each<[string, string, SshSituation, object]>([
  ["no address yet", dead, "unanswered", { blame: "image", isTimed: true, ...open }],
  [
    "no address, and what gives it has failed",
    `${dead}wicked-dhcp4@eth0.service loaded failed failed x\n`,
    "unanswered",
    { blame: "image" },
  ],
  [
    "no address, all started, and every interface left down",
    report([none], line, "eth0 DOWN ").replace(
      "== failed units",
      "== system\ndegraded\n== failed units",
    ),
    "unanswered",
    { blame: "image" },
  ],
  [
    "no address, all started, and an interface that is up",
    dead.replace("== failed units", "== system\nrunning\n== failed units"),
    "unanswered",
    { blame: "image", isTimed: true, ...open },
  ],
  [
    "no address, an interface down, and a start-up that goes on",
    report([none], line, "eth0 DOWN ").replace(
      "== failed units",
      "== system\nstarting\n== failed units",
    ),
    "unanswered",
    { blame: "image", isTimed: true, ...open },
  ],
  [
    "no address, and something else has failed",
    `${dead}NetworkManager-dispatcher.service loaded failed failed x\n`,
    "unanswered",
    { blame: "image", isTimed: true, ...open },
  ],
  [
    "an sshd that failed once, and is tried again",
    again("NRestarts=0\n"),
    "not-listening",
    { blame: "image", ...open },
  ],
  ["an sshd that fails again", again("NRestarts=1\n"), "not-listening", { blame: "image" }],
  // systemd before 235 does not count.
  ["an sshd of which nobody counts", again(""), "not-listening", { blame: "image", ...open }],
])("%s", (_name, text, situation, told) => {
  expect(judgeSshTrouble(text, situation)).toEqual({ because: expect.any(String), ...told });
});
