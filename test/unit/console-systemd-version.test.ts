/** The manager's first line (systemd, src/core/main.c) as builds of distributions spell their version in it. */
import { expect, test } from "vitest";
import { systemdVersionIn } from "../../harness/machine/console/came-up.ts";

test.each<[number | null, string]>([
  [249, "systemd v249.9-1.fc35 running in system mode (+PAM +AUDIT)"],
  [239, "systemd 239 (239-82.el8) running in system mode. (+PAM +AUDIT)"],
  [249, "systemd 249 (v249.11) running in system mode (+PAM"],
  [219, "systemd 219 running in system mode. (+PAM +AUDIT)"],
  [252, "systemd 252-18.el9 running in system mode (+PAM +AUDIT)"],
  [256, "systemd 256.7-1.fc41 running in system mode (+PAM +AUDIT)"],
  [254, "systemd 254.10+suse.84.ge8d77af running in system mode (+PAM)"],
  [252, "systemd 252.39-1~deb12u1 running in system mode (+PAM)"],
  [249, "systemd 249.11-0ubuntu3.12 running in system mode (+PAM)"],
  [259, "systemd 259-1-arch running in system mode"],
  [258, "systemd 258~rc2-1 running in system mode (+PAM)"],
  [257, "systemd 257.9-1.fc42 running in test system mode (+PAM)"],
  [262, "systemd 262-1 running in system mode (+PAM +AUDIT +SELINUX +APPARM"],
  [null, "systemd version 9 is what this program needs"],
  [null, "systemd running in system mode"],
])("%s: %s", (version, words) => {
  const leadIns = [
    "[    4.100000] systemd[1]: ",
    "[    4.1][    T1] systemd[1]: ",
    "<30>[    4.100000] systemd[1]: ",
    "systemd[1]: ",
    "",
    "[  OK  ] Started foo[    4.100000] systemd[1]: ",
  ];
  for (const leadIn of leadIns) expect(systemdVersionIn(leadIn + words), leadIn).toBe(version);
});

test("a version that another program writes is not the manager's", () => {
  expect(systemdVersionIn("[    4.1] foo[7]: systemd 256 running in system mode")).toBeNull();
  expect(systemdVersionIn("[    4.1] systemd[812]: systemd 256 running in user mode")).toBeNull();
});
