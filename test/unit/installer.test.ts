// What an installer says, and what is made of it.
import { describe, expect, test } from "vitest";
import { CannotTell, ExpectationFailed, HostUnfit, UsageError } from "../../harness/base/errors.ts";
import { anaconda } from "../../harness/states/install/anaconda-words.ts";
import { installerFailed } from "../../harness/states/install/installer-failed.ts";
import { installerArguments } from "../../harness/states/install/installer-machine.ts";
import { InstallProgress } from "../../harness/states/install/installer-stages.ts";
import { parseBootEntries } from "../../images/iso/boot-entries.ts";
import { writeIso } from "../../images/iso/write-iso.ts";

/** An installation that says a line a second. */
function play(lines: readonly string[]): InstallProgress {
  const progress = new InstallProgress(0, anaconda);
  for (const [index, line] of lines.entries()) progress.feed(line, (index + 1) * 1000);
  return progress;
}

const good = [
  "[    0.000000] Linux version 6.17.1-300.fc43.x86_64 (mockbuild@x) (gcc) #1 SMP",
  "[    3.1] systemd[1]: Running in initrd.",
  "[    5.0] dracut-pre-udev[400]: rpc.idmapd",
  "Starting installer, one moment...",
  "anaconda 43.44-1.fc43 for Fedora 43 started.",
  "Checking storage configuration...",
  "Creating disklabel on /dev/vda",
  "Creating ext4 on /dev/vda3",
  "Deployment starting: /run/install/repo/container",
  "Deployment complete: /run/install/repo/container",
  "Installing boot loader",
  "Performing post-installation setup tasks",
  "Running post-installation scripts",
  "Installation complete",
  "[  312.0] reboot: Restarting system",
];

describe("stages", () => {
  test("a good installation goes through all of them, in their order", () => {
    const progress = play(good);
    expect(progress.starts.map(({ stage, atMs }) => `${stage} ${atMs}`)).toEqual([
      "off 0",
      "kernel 1000",
      "dracut 2000",
      "anaconda 4000",
      "storage 6000",
      "payload 9000",
      "bootloader 11000",
      "post 12000",
      "complete 14000",
      "reboot 15000",
    ]);
    expect(progress.isComplete).toBe(true);
    expect(progress.failed).toEqual([]);
  });

  test("a stage never goes back, and one that is said late is not missed", () => {
    const progress = play([
      ...good.slice(0, 11),
      "Configuring storage",
      "Creating ext4 on /dev/vda2",
    ]);
    expect(progress.stage).toBe("bootloader");
    expect(play(["Bootc deployment in progress: oci:/x"]).stage).toBe("payload");
  });

  test("what bootc says at its own end is not the installer's end", () => {
    expect(play([...good.slice(0, 10), "Installation complete!"]).isComplete).toBe(false);
    expect(play(["Installation complete. Press ENTER to quit:"]).isComplete).toBe(true);
  });

  const finished =
    "13:00:01,000 DBG anaconda:anaconda: ui.tui.spokes.installation_progress: The installation has finished.";
  const stored = "Storing configuration files and kickstarts";

  test("a product without a licence says of its end in its log alone", () => {
    const end = "[  312.0] reboot: Restarting system";
    expect(play([...good.slice(0, 13), stored, finished, end]).isDone).toBe(true);
    expect(play([...good.slice(0, 13), stored, end]).isDone).toBe(true);
    expect(play([...good.slice(0, 13), end]).isDone).toBe(false);
  });

  test("the log says of an installation that failed that it has finished", () => {
    const progress = play([...good.slice(0, 8), finished, ...stop, "x.", good.at(-1) ?? ""]);
    expect(progress.isDone).toBe(false);
    expect(progress.failed[0]).toBe(stop[0]);
  });

  test("osbuild's marker is said before the other scripts, which may fail or take their time", () => {
    const marked = [...good.slice(0, 13), "Install finished"];
    expect(play(marked).isDone).toBe(true);
    expect(play(marked).overdue(14_000 + 4 * 60_000, 1, 0)).toBeNull();
    const failed = play([...marked, "There was an error running the kickstart script at line 40."]);
    expect(failed.failed).toHaveLength(1);
    expect(failed.isDone).toBe(false);
  });

  test("what a service says by way of the journal is read like the rest", () => {
    const progress = play(good.map((line) => `[   33.517655] anaconda[2628]: ${line}`));
    expect(progress.isComplete).toBe(true);
    expect(progress.starts.map(({ stage }) => stage)).toContain("anaconda");
  });

  test("a stage has a limit of its own, by the host's slowness", () => {
    const progress = play(good.slice(0, 4));
    expect(progress.overdue(4000 + 5 * 60_000, 1, 0)).toBeNull();
    expect(progress.overdue(4001 + 5 * 60_000, 1, 0)).toBe("anaconda");
    expect(progress.overdue(4001 + 5 * 60_000, 10, 0)).toBeNull();
  });

  test("what a failure says is gathered until nothing more comes", () => {
    const progress = play([...good.slice(0, 6), "storage configuration failed: x", "more"]);
    expect(progress.failed).toEqual(["storage configuration failed: x", "more"]);
    expect(progress.hasSaidWhy(11_999, 4000)).toBe(false);
    expect(progress.hasSaidWhy(12_000, 4000)).toBe(true);
  });

  test("endless lines and many lines cost nothing", () => {
    const began = performance.now();
    const long = `Creating ${"a".repeat(500_000)}`;
    const progress = new InstallProgress(0, anaconda);
    for (let index = 0; index < 2000; index++) progress.feed(long, index);
    progress.feed("Traceback (most recent call last):", 1);
    for (let index = 0; index < 2000; index++) progress.feed(`line ${index}`, index);
    expect(progress.failed).toHaveLength(60);
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

const stop = [
  "The installation was stopped due to an error which occurred while running in non-interactive cmdline mode. Since there cannot be any questions in cmdline mode, edit your kickstart file and retry installation.",
  "The exact error message is:",
];
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

describe("the kernel's command line", () => {
  test("keeps the ISO's own words but for what hides the console or names another kickstart", () => {
    const own = [
      "inst.stage2=hd:LABEL=F43",
      "quiet",
      "rhgb",
      "rd.live.check",
      "inst.ks=hd:LABEL=F43:/osbuild.ks",
    ];
    const end = "inst.text inst.cmdline console=ttyS0,115200 panic=-1";
    expect(
      installerArguments({ label: "F43", arguments: own, family: "anaconda" }, "oemdrv", "x86_64"),
    ).toBe(`inst.stage2=hd:LABEL=F43 inst.ks=hd:LABEL=OEMDRV:/ks.cfg ${end}`);
    expect(
      installerArguments({ label: "F43", arguments: own, family: "anaconda" }, null, "x86_64"),
    ).toBe(`inst.stage2=hd:LABEL=F43 inst.ks=hd:LABEL=F43:/osbuild.ks ${end}`);
  });

  test("says where the second stage is, and a label's spaces do not end the word", () => {
    expect(
      installerArguments({ label: "Fedora 43", arguments: [], family: "anaconda" }, null, "x86_64"),
    ).toMatch(/^inst\.stage2=hd:LABEL=Fedora\\x2043 inst\.text /);
  });
});

test("boot entries of GRUB and isolinux are read, devices in paths left out", () => {
  const text = `
    linuxefi ($root)/images/pxeboot/vmlinuz root=live:CDLABEL=X rd.live.image
    initrdefi ($root)/images/pxeboot/initrd.img
    initrd /orphan
    KERNEL vmlinuz
    APPEND initrd=initrd.img,more.img "quiet"`;
  expect(parseBootEntries(text)).toEqual([
    {
      title: null,
      kernel: "/images/pxeboot/vmlinuz",
      initrd: "/images/pxeboot/initrd.img",
      arguments: ["root=live:CDLABEL=X", "rd.live.image"],
    },
    { title: null, kernel: "/vmlinuz", initrd: "/initrd.img", arguments: ["quiet"] },
  ]);
  const titles = (menu: string) => parseBootEntries(menu).map(({ title }) => title);
  const body = "{\n linux /v\n initrd /i\n}\n";
  expect(
    titles(
      `menuentry 'Install "it"' --class x ${body}submenu "More" {\nmenuentry "Rescue" ${body}}`,
    ),
  ).toEqual(['Install "it"', "Rescue"]);
  expect(parseBootEntries("linux\ninitrd\nappend initrd=x")).toEqual([]);
});

test.each(["oemdrv", "", "A".repeat(33), "A B"])("%j cannot label a volume", (label) => {
  expect(() => writeIso(label, [])).toThrow(TypeError);
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
