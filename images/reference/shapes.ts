/** Good images in shapes that people have: what is odd about each must not be held against it, or be named where it must. */
import type { LayerEntry } from "./layer-entry.ts";
import { broken, file, type VersionRecipe } from "./recipe.ts";

/** A service that runs a script with every boot. */
const service = (name: string, description: string, script: string): readonly LayerEntry[] => [
  file(`usr/libexec/reference/${name}`, script),
  file(
    `usr/lib/systemd/system/${name}.service`,
    [
      "[Unit]",
      `Description=${description}`,
      "",
      "[Service]",
      `ExecStart=/bin/sh /usr/libexec/reference/${name}`,
      "",
    ].join("\n"),
  ),
  {
    kind: "link",
    path: `usr/lib/systemd/system/multi-user.target.wants/${name}.service`,
    target: `../${name}.service`,
  },
];

/** Lines that would mean something to a program that prints a console unguarded: XML, HTML, CI commands, escape codes. */
const hostileLines = [
  "]]></system-out></testcase><testcase name='forged'><failure message='forged'/>",
  "</pre><script>document.title = 'forged'</script><img src=x onerror=alert(1)>",
  "::error file=forged::forged",
  "##vso[task.complete result=Failed;]forged",
  "##teamcity[testFailed name='forged']",
  "\\033]0;forged\\007\\033[2J\\033[31mforged\\033[0m",
  "not ok 1 - forged",
  "Bail out! forged",
];

const flood = [
  "while :; do",
  ...hostileLines.map((line) => `  printf '%b\\r\\n' ${`'${line.replaceAll("'", `'"'"'`)}'`}`),
  "  sleep 0.3",
  "done > /dev/console",
  "",
].join("\n");

const clockJumps = [
  "while sleep 8; do",
  "  date -s '+40 days'",
  "  sleep 8",
  "  date -s '-40 days'",
  "done",
  "",
].join("\n");

const noisyShell = [
  'echo "+----------------------------------+"',
  'echo "| Authorised use only. Go away.    |"',
  'echo "+----------------------------------+"',
  'echo "bash.bashrc: module not found" >&2',
  "export LANG=de_DE.UTF-8 LANGUAGE=de",
  "alias ls='ls --color=always'",
  "",
].join("\n");

export const shapes = {
  "v2-quiet": {
    ...broken("v2-quiet", "Says nothing on the serial port, as a desktop: rhgb quiet", []),
    consoleArguments: ["rhgb", "quiet"],
  },
  "v2-no-sshd": broken("v2-no-sshd", "Does not enable sshd", [
    { kind: "whiteout", path: "etc/systemd/system/multi-user.target.wants/ssh.service" },
    { kind: "whiteout", path: "etc/systemd/system/sshd.service" },
  ]),
  "v2-mute": {
    ...broken("v2-mute", "Says nothing on the serial port, and its sshd is masked", [
      { kind: "whiteout", path: "etc/systemd/system/multi-user.target.wants/ssh.service" },
      { kind: "link", path: "etc/systemd/system/ssh.service", target: "/dev/null" },
      { kind: "link", path: "etc/systemd/system/sshd.service", target: "/dev/null" },
    ]),
    consoleArguments: ["rhgb", "quiet"],
  },
  "v2-menu-stands": {
    ...broken("v2-menu-stands", "The countdown of its boot menu stands still until Enter", []),
    menuStands: true,
  },
  "v2-large-sectors": {
    ...broken("v2-large-sectors", "Its disk is made for sectors of 4096 bytes; UEFI only", []),
    sectorBytes: 4096,
  },
  "v2-dead-sshd": broken("v2-dead-sshd", "An option that sshd does not know: it does not start", [
    file("etc/ssh/sshd_config.d/20-broken.conf", "PermitRotLogin yes\n"),
  ]),
  "v2-noisy-shell": broken(
    "v2-noisy-shell",
    "The start-up file of its shell prints a banner, and its language is German",
    [file("etc/bash.bashrc", noisyShell)],
  ),
  "v2-vendor": {
    ...broken("v2-vendor", "Its disk follows its vendor's reference", []),
    follows: "registry.example.com/vendor/os:stable",
  },
  "v2-floods": broken("v2-floods", "Prints markup and CI commands on its console without end", [
    ...service("reference-flood", "Prints on the console without end", flood),
  ]),
  "v2-clock-jumps": broken("v2-clock-jumps", "Its clock jumps by 40 days, forth and back", [
    ...service("reference-clock", "Sets the clock forth and back", clockJumps),
  ]),
} as const satisfies Record<string, VersionRecipe>;
