// Whose fault it is that an installation failed, by what its installer said.
import { describe, expect, test } from "vitest";
import { CannotTell, ExpectationFailed, HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { installerFailed } from "../../harness/states/install/installer-failed.ts";
import { good, play, stop } from "./support/installer-lines.ts";

const end = "The installer will now terminate.";
const open = [...stop, "The following mandatory spokes are not completed:"];
type Author = "harness" | "caller" | "iso";

const failure = (lines: readonly string[], author: Author = "harness") =>
  installerFailed(play([...good.slice(0, 5), ...lines]), {
    name: "os.iso",
    author,
    sizeMiB: 10_240,
    lookAt: "runs/x/console.log",
  });

describe("blame", () => {
  const badKickstart = [
    "An error occurred during reading the kickstart file:",
    "The following problem occurred on line 12 of the kickstart file:",
    "",
    "Unknown command: ostreecontainr",
    end,
  ];

  test.each<[Author, abstract new (...args: never) => Error]>([
    ["caller", UsageError],
    ["iso", ExpectationFailed],
    ["harness", CannotTell],
  ])("a bad kickstart is the fault of its author: %s", (author, kind) => {
    const error = failure(badKickstart, author);
    expect(error).toBeInstanceOf(kind);
    expect(error.message.split("\n")[0]).toBe(
      "The installation from 'os.iso' failed: The following problem occurred on line 12 of the kickstart file: Unknown command: ostreecontainr",
    );
  });

  test.each<[string, readonly string[], abstract new (...args: never) => Error, RegExp]>([
    [
      "a disk that is too small",
      [
        ...stop,
        "storage configuration failed: Unable to allocate requested partition scheme.",
        end,
      ],
      HostUnfit,
      /too small[\s\S]*--disk-size/,
    ],
    [
      "a disk that is too small, as Anaconda says it since it has a storage module",
      [
        "Failed to save storage configuration",
        "Unable to allocate requested partition scheme.",
        "Installation Destination (Kickstart insufficient)",
        ...open,
        "Installation Destination.",
        end,
      ],
      HostUnfit,
      /failed: Unable to allocate[\s\S]*too small[\s\S]*--disk-size/,
    ],
    [
      "a disk that is full",
      ["bootc installation failed, see the logs below:", "error: write: No space left on device"],
      HostUnfit,
      /is full/,
    ],
    [
      "a root file system without room for the image",
      [
        "bootc installation failed, see the logs below:",
        "error: Insufficient free space for oci:/x (available: 300 MB required: 900 MB)",
      ],
      HostUnfit,
      /or the kickstart's root file system is[\s\S]*--disk-size/,
    ],
    [
      "a signature that nobody could miss",
      [
        ...stop,
        "containers-policy.json specifies a default of `insecureAcceptAnything`; refusing usage",
      ],
      CannotTell,
      /asks for a signature/,
    ],
    [
      "a payload out of reach",
      [...stop, "dial tcp: lookup quay.io: Could not resolve host", end],
      CannotTell,
      /could not be reached[\s\S]*--network open/,
    ],
    [
      "a signature that is not accepted",
      [...stop, "Source image rejected: A signature was required, but no signature exists", end],
      ExpectationFailed,
      /signature/,
    ],
    [
      "a payload that could not be deployed, of which the log of programs alone says why",
      [
        "12:00:01,000 INF program:error: Importing: Source image rejected: A signature was required, but no signature exists",
        "12:00:01,000 DBG program:Return code: 1",
        ...stop,
        "Non interactive installation failed: The command 'ostree container image deploy' exited with the code 1..",
        end,
      ],
      ExpectationFailed,
      /signature/,
    ],
    [
      "an image without bootupd",
      [
        "bootc installation failed, see the logs below:",
        "error: bootupd is required for ostree-based installs",
      ],
      ExpectationFailed,
      /bootupd/,
    ],
    [
      "an installer that crashed",
      ["An unknown error has occured, look at the /tmp/anaconda-tb* file(s) for more details"],
      ExpectationFailed,
      /crashed/,
    ],
    [
      "hardware",
      ["The installation was stopped due to what seems to be a problem with your hardware."],
      HostUnfit,
      /for broken/,
    ],
    [
      "a program that crashed, whichever it was",
      ["Traceback (most recent call last):", "KeyError: 'x'", "[ 9.0] reboot: Restarting system"],
      CannotTell,
      /a program of the installer crashed/,
    ],
    [
      "words that prove nothing",
      [...stop, "something odd", end],
      CannotTell,
      /failed: something odd\n[\s\S]*do not show/,
    ],
  ])("%s", (_what, lines, kind, expected) => {
    const error = failure(lines);
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toMatch(expected);
    expect(error.message).toContain("stage      anaconda");
  });
});

test.each<[string, readonly string[], string]>([
  [
    "what it would have asked",
    [...open, "Root password.", end],
    "The following mandatory spokes are not completed: Root password.",
  ],
  [
    "what it would have asked, first told in the log",
    [
      "00:00:01,000 ERR anaconda:anaconda: ui.tui.hubs.summary: CmdlineError: The following mandatory spokes are not completed:#012Root password#012User creation",
      ...open,
    ],
    "not completed: Root password User creation",
  ],
  [
    "what its partitions lack",
    [
      "00:00:01,000 WARNING org.fedoraproject.Anaconda.Modules.Storage:DEBUG:anaconda.modules.storage.partitioning.validate:Found sanity error: Your BIOS-based system needs a special partition",
      ...open,
      "Installation Destination.",
    ],
    "Found sanity error: Your BIOS-based system needs a special partition",
  ],
  [
    "a script of it",
    [...stop, "Non interactive installation failed: 40", "flatpak: exit 1.", end],
    "Non interactive installation failed: 40 flatpak: exit 1.",
  ],
])("the author of the kickstart is told %s", (_what, lines, expected) => {
  const error = failure(lines, "caller");
  expect(error).toBeInstanceOf(UsageError);
  expect(error.message.split("\n")[0]).toContain(expected);
});

test("systemd's waiting does not hide for ever what an installer failed with, nor does its own limit", () => {
  const progress = play([...good.slice(0, 5), "storage configuration failed: too small"]);
  for (let at = 7; at < 60; at++)
    progress.feed("Job dev-x.device/start running (1min / no limit)", at * 1000);
  expect(progress.hasSaidWhy(60_000, 4000)).toBe(true);
});

test("a script that fails for want of what the harness did not give is not the ISO's fault", () => {
  for (const why of ["curl: (6) Could not resolve host: x", "cp: No space left on device"]) {
    const progress = play([
      ...good.slice(0, 5),
      "There was an error running the kickstart script at line 9.",
      why,
    ]);
    const options = { name: "x.iso", author: "iso", sizeMiB: 1, lookAt: "c" } as const;
    expect(installerFailed(progress, options)).not.toBeInstanceOf(ExpectationFailed);
  }
});
