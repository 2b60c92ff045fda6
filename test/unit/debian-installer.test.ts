// Debian's installer on a serial port, by its text frontend: what it says, and what is made of it.

import { expect, test } from "vitest";
import { isPreseed } from "../../harness/cli/wiring/install-options.ts";
import { debianInstaller } from "../../harness/states/install/debian-words.ts";
import { installerFailed } from "../../harness/states/install/installer-failed.ts";
import { installerArguments } from "../../harness/states/install/installer-machine.ts";
import { InstallProgress } from "../../harness/states/install/installer-stages.ts";
import { kickstartUrl } from "../../harness/states/install/kickstart-service.ts";

function play(lines: readonly string[]): InstallProgress {
  const progress = new InstallProgress(0, debianInstaller);
  for (const [index, line] of lines.entries()) progress.feed(line, (index + 1) * 1000);
  return progress;
}

const status = "[           (1*installer)  2 shell  3 shell  4- log           ][ Nov 26  0:47 ]";
/** As debian-installer-12-netboot-amd64 said it (20230607+deb12u15). */
const begun = [
  "[    0.000000] Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org)",
  "Starting system log daemon: syslogd, klogd.",
  status,
  "Detecting network hardware  ... 2%... 95%... 100%",
  "Detecting link on enp0s1; please wait...  ... 0%",
  "Configuring the network with DHCP  ... 4%... 12%... 20%... 100%",
  "Checking the Debian archive mirror  ... 25%... 50%... 75%... 100%",
];
const asks = [
  "Download installer components",
  "-----------------------------",
  "",
  "The installer failed to download a file from the mirror. This may be a problem",
  "with your network, or with the mirror. You can choose to retry the download,",
  "select a different mirror, or cancel and choose another installation method.",
  "Downloading a file failed:",
  "  1: Retry [*],  2: Change mirror,      3: Cancel,",
  "Prompt: '?' for help, default=1>",
];

test("a good installation goes through its stages, in their order", () => {
  const progress = play([
    ...begun,
    "Detecting disks and all other hardware  ... 2%... 95%... 100%",
    "Starting up the partitioner  ... 8%... 100%",
    "Partitions formatting  ... 33%",
    "Installing the base system  ... 3%... 100%",
    "Select and install software  ... 1%... 100%",
    "Installing GRUB boot loader  ... 16%... 100%",
    "Finishing the installation  ... 3%... 96%... 100%",
    "[  900.0] reboot: Restarting system",
  ]);
  expect(progress.starts.map(({ stage }) => stage)).toEqual([
    ...["off", "kernel", "debian-installer", "storage", "payload", "bootloader"],
    ...["complete", "reboot"],
  ]);
  expect(progress.isComplete).toBe(true);
  expect(progress.failed).toEqual([]);
});

test("a question that nobody answers ends it, with what was said before", () => {
  const progress = play([...begun, ...asks, status]);
  expect(progress.failedIn).toBe("debian-installer");
  expect(progress.hasSaidWhy(100_000, 4000)).toBe(true);
  const options = { name: "debian.iso", author: "caller", sizeMiB: 6144, lookAt: "c" } as const;
  const error = installerFailed(progress, options);
  expect(error.name).toBe("CannotTell");
  expect(error.message).toMatch(/failed: Downloading a file failed:\n/);
  expect(error.message).toMatch(/failed to download a file from the mirror/);
  expect(error.message).not.toContain("1*installer");
});

test("a question that is not about the mirror is the fault of who wrote the preseed", () => {
  const lines = [...begun, "Configure the keyboard", "Keymap to use:", asks.at(-1) ?? ""];
  const options = { name: "debian.iso", author: "caller", sizeMiB: 6144, lookAt: "c" } as const;
  const error = installerFailed(play(lines), options);
  expect(error.name).toBe("UsageError");
  expect(error.message).toMatch(/failed: Keymap to use:\n/);
});

test("the clock of its status line is not progress", () => {
  expect(debianInstaller.idle.test(status)).toBe(true);
  expect(debianInstaller.idle.test(begun[3] ?? "")).toBe(false);
});

test("it is told where its preseed is, and to speak on the serial port; the rest of its boot entry stays", () => {
  const own = ["vga=788", "theme=dark", "---", "quiet"];
  const told = (way: "http" | null) =>
    installerArguments(
      { label: "Debian", arguments: own, family: "debian-installer" },
      way,
      "x86_64",
    );
  expect(told("http")).toBe(
    `theme=dark auto=true priority=critical url=${kickstartUrl} netcfg/get_nameservers=10.0.2.3 DEBIAN_FRONTEND=text console=ttyS0,115200 panic=-1 --- console=ttyS0,115200`,
  );
  expect(told(null)).not.toContain("url=");
});

test("a preseed and a kickstart are told apart", () => {
  expect(isPreseed("# x\nd-i netcfg/get_hostname string installed\n")).toBe(true);
  expect(isPreseed("text\nreboot\nautopart --type=plain\n")).toBe(false);
  expect(isPreseed("text\n%post\nd-i netcfg/get_hostname string x\n%end\n")).toBe(false);
});
