/** The menu of an ISO's own boot loader: read from what a real one drew, and typed at. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BootFailed, CannotTell } from "../../harness/base/errors.ts";
import {
  kernelLine,
  placesOf,
  readEditor,
  readMenu,
} from "../../harness/machine/console/grub-screen.ts";
import { TerminalScreen } from "../../harness/machine/console/terminal-screen.ts";
import { typedArguments } from "../../harness/states/install/installer-machine.ts";
import { typeAtLoader } from "../../harness/states/install/type-at-loader.ts";
import { grubMenu, menuForms } from "../simulated/grub-menu.ts";
import { FakeGrub, type FakeGrubOptions } from "../unit/support/fake-grub.ts";
import { processorMs } from "../unit/support/processor-time.ts";

let folder = "";
let count = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bootgate-loader-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [install, tested] = ["Install Fedora 43", "Test this media & install Fedora 43"] as const;
const source = [
  `setparams '${install}'`,
  "",
  "\tlinux /images/pxeboot/vmlinuz inst.stage2=hd:LABEL=Fedora-S-dvd-x86_64-43 rd.live.dir=x quiet ".replace(
    "\t",
    "        ",
  ),
  "        initrd /images/pxeboot/initrd.img",
];

function grub(change: Partial<FakeGrubOptions> = {}): FakeGrub {
  const path = join(folder, `console-${count++}.log`);
  const titles = [install, tested, "Troubleshooting -->"];
  return new FakeGrub({ path, titles, source, ...change });
}
/** Limits are a few seconds each; `scale` makes them a fraction of one. */
const type = (fake: FakeGrub, entry: string | null = install, scale = 1) =>
  typeAtLoader(fake.machine, {
    name: "fedora.iso",
    entry,
    words: typedArguments("oemdrv", "x86_64"),
    scale,
    signal: AbortSignal.timeout(15_000),
  });
const failure = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.unreachable("it had to fail"),
    (error: unknown) => error as Error,
  );

/**
 * GRUB 2.14 (Debian 2.14-4) under OVMF and SeaBIOS 1.16.3 in QEMU 10.0.2: each from power-on until 'inst.ks=hd:L' was typed; 2026-11-26. Fedora's is not
 * recorded: the same keys, drawn by the rules of rhboot/grub2 (grub-core/normal: menu_text.c at 12451f06, menu_entry.c, term.c) for its serial
 * terminal (vt100, 80x24) and for OVMF's console (100x31).
 */
describe.each([
  ["uefi", 6],
  ["bios", 6],
  ["fedora-serial", 5],
  ["fedora-uefi", 5],
] as const)("what GRUB draws (%s)", (name, kernelRow) => {
  const log = readFileSync(new URL(`../unit/support/grub-${name}.log`, import.meta.url));
  const titles = [
    "Install the reference OS (stand-in installer)",
    "Test this media & install the reference OS (stand-in installer)",
    "Troubleshooting -->",
  ];
  test.each([2, 4096])("is read as a menu and an editor, in pieces of %s bytes", (size) => {
    const screen = new TerminalScreen();
    const chosen = new Set<number>();
    for (let at = 0; at < log.length; at += size) {
      screen.feed(log.subarray(at, at + size));
      const menu = readMenu(screen);
      // Title by title, as it is drawn: what is whole is right.
      if (menu !== null && placesOf(menu, "Troubleshooting -->").length > 0) {
        expect(menu.titles).toEqual(titles);
        chosen.add(menu.chosen);
      }
    }
    if (size < 4096) expect([...chosen]).toEqual([1, 0]);
    const lines = readEditor(screen) ?? [];
    const line = lines[kernelLine(lines)];
    expect(line?.text.trim()).toMatch(
      /^linux \/images\/pxeboot\/vmlinuz inst\.stage2=hd:LABEL=BOOTGATE-REFERENCE rdinit=\/usr\/bin\/bootgate-medium quiet inst\.ks=hd:L$/,
    );
    expect([line?.firstRow, line?.lastRow]).toEqual([kernelRow, kernelRow + 1]);
    expect(screen.cursor.row).toBe(kernelRow + 1);
    expect(screen.cursor.column).toBeGreaterThanOrEqual(line?.endColumn ?? 999);
    expect(readMenu(screen)).toBeNull();
  });
});

describe("a screen", () => {
  test("has a limit, whatever is sent", () => {
    const screen = new TerminalScreen();
    const took = processorMs(() => {
      for (const piece of [
        "\x1b[9999;9999Hx",
        "\n",
        "\x1b[",
        "\x1b]0;t",
        "\xe2\x94",
        "\x1b[1;2",
        "y",
      ])
        screen.feed(Buffer.from(piece.repeat(100_000), "latin1"));
    });
    expect(screen.rows.length).toBeLessThanOrEqual(100);
    expect(Math.max(...screen.rows.map((row) => row.length))).toBeLessThanOrEqual(300);
    expect(took).toBeLessThan(3000);
  });
  test("moves, clears and wipes", () => {
    const screen = new TerminalScreen();
    screen.feed(Buffer.from("one\r\ntwo\x1b[A\x1b[2DX\x1b[5;3Hdeep\x1b[1;2H\x1b[K"));
    expect(screen.rows).toEqual(["o", "two", "", "", "  deep"]);
    screen.feed(Buffer.from("\x1b[2J\x1b[H!"));
    expect(screen.rows).toEqual(["!"]);
  });
});

test("a title that the row has no room for is known by its beginning, one that is still being drawn is not", () => {
  const long = `Install ${"x".repeat(90)}`;
  const menu = (title: string) => ({ titles: [title], chosen: 0, width: 75 });
  expect(placesOf(menu(long.slice(0, 75)), long)).toEqual([0]);
  expect(placesOf(menu(`${long.slice(0, 72)}...`), long)).toEqual([0]);
  expect(placesOf(menu(`${long.slice(0, 74)}>`), long)).toEqual([0]);
  expect(placesOf(menu(long.slice(0, 40)), long)).toEqual([]);
});

test("titles that look alike are told apart by one that is shown whole, and not at all otherwise", () => {
  const [shown, other] = ["a".repeat(71), `${"a".repeat(71)}b`];
  const places = (titles: readonly string[], title: string) =>
    placesOf({ titles, chosen: 0, width: 75 }, title);
  expect(places([shown, other], other)).toEqual([1]);
  expect(places([shown, shown], other)).toEqual([0, 1]);
  expect(places([shown, other, other], other)).toEqual([1, 2, 0]);
});

describe("the menu of Fedora's GRUB", () => {
  const [newer, older] = ["Fedora Linux 43", "Fedora Linux 42"] as const;
  const long = `${newer} ${"x".repeat(80)}`;
  const drawn = (text: string): TerminalScreen => {
    const screen = new TerminalScreen();
    screen.feed(Buffer.from(text, "latin1"));
    return screen;
  };

  test("has the chosen entry where a row looks different, one of two and one alone", () => {
    const both = readMenu(drawn(grubMenu([newer, older], 1, "open")));
    expect(both).toMatchObject({ titles: [newer, older], chosen: 1 });
    const message = "Use the ^ and v keys to change the selection.";
    const one = `BdsDxe: starting Boot0001\x1b[H\x1b[J\x1b[19;7H${message}\x1b[4;1H\x1b[7m      ${newer}`;
    expect(readMenu(drawn(one))).toMatchObject({ titles: [newer], chosen: 0 });
  });

  test("is not read while no entry, or more than one, looks chosen", () => {
    const whole = grubMenu(["a", "b", "c"], 0, "open");
    expect(readMenu(drawn(whole.replace("\x1b[7m", "")))).toBeNull();
    expect(readMenu(drawn(`${whole}\x1b[5;1H\x1b[7m      b`))).toBeNull();
  });

  test.each(["v", "\xe2\x86\x93"])(
    "cuts a title by an arrow, and goes on where the last column has one: %s",
    (arrow) => {
      const menu = readMenu(drawn(`${grubMenu([long, older], 0, "open")}\x1b[4;80H${arrow}`));
      expect(menu?.titles).toEqual([`${long.slice(0, 72)}>`, older]);
      expect(menu === null ? [] : placesOf(menu, long)).toEqual([0]);
    },
  );

  test("may have the image's own colours", () => {
    const coloured = grubMenu(["a", "b"], 1, "open")
      .replace("\x1b[4;1H", "\x1b[36;44m\x1b[4;1H")
      .replaceAll("\x1b[m", "\x1b[0;36;44m")
      .replace("\x1b[7m", "\x1b[1;37;44m");
    expect(readMenu(drawn(coloured))).toMatchObject({ titles: ["a", "b"], chosen: 1 });
  });
});

describe.each(menuForms)("typing at a menu that is %s", (form) => {
  test("goes to the entry, adds each word to its kernel's line, and boots it once", async () => {
    const fake = grub({ form });
    fake.drawMenu();
    expect(await type(fake)).toEqual({ entry: install, usual: tested });
    const log = readFileSync(join(folder, `console-${count - 1}.log`), "latin1");
    const told = /Command line: (.*)\r/.exec(log)?.[1];
    expect(told).toMatch(
      / rd\.live\.dir=x quiet +inst\.ks=hd:LABEL=OEMDRV:\/ks\.cfg inst\.text inst\.cmdline console=ttyS0,115200 loglevel=7 panic=-1$/,
    );
  });
});

describe("typing", () => {
  test("waits for a menu that is drawn late, and takes the first entry where none is known", async () => {
    const fake = grub({ chosen: 0 });
    const typed = type(fake, null);
    fake.say('BdsDxe: starting Boot0001 "UEFI QEMU DVD-ROM" from PciRoot(0x0)\r\n');
    fake.drawMenu();
    expect(await typed).toEqual({ entry: install, usual: install });
  });

  test("a medium whose loader shows no menu is not judged, and the message says why", async () => {
    const fake = grub();
    fake.say("ISOLINUX 6.04 \r\n");
    const error = await failure(type(fake, install, 0.001));
    expect(error).toBeInstanceOf(CannotTell);
    expect(error.message).toMatch(/could not be typed at: its menu did not come/);
    expect(error.message).toMatch(/isolinux, and a GRUB that draws in graphics/);
    expect(error.message).toMatch(/to do +leave out --installer-boot/);
  });

  test("a menu without the entry says which it has", async () => {
    const fake = grub({ titles: ["Start Fedora", "Rescue"] });
    fake.drawMenu();
    const error = await failure(type(fake, install, 0.001));
    expect(error).toBeInstanceOf(CannotTell);
    expect(error.message).toMatch(/the menu has other entries/);
    expect(error.message).toContain("Start Fedora");
    expect(error.message).toContain(`the entry '${install}'`);
  });

  test("GRUB's prompt stays fatal", async () => {
    const fake = grub();
    fake.say("\x1b[2JGNU GRUB  version 2.12\r\n\r\ngrub> ");
    const error = await failure(type(fake));
    expect(error).toBeInstanceOf(BootFailed);
    expect((error as BootFailed).pattern).toBe("grub-shell");
  });

  test("an entry that starts before a key was pressed is told as that", async () => {
    const fake = grub();
    fake.say("[    0.000000] Linux version 7.2\r\n[    0.000000] Command line: quiet\r\n");
    const error = await failure(type(fake));
    expect(error).toBeInstanceOf(CannotTell);
    expect(error.message).toContain("started an entry by itself");
  });

  test("the key that goes to the end of a line is pressed again where it is lost", async () => {
    // The fifth key, behind one in the menu, the one that opens the editor, and two to the third line.
    const fake = grub({ loses: 5 });
    fake.drawMenu();
    expect(await type(fake, install, 0.05)).toEqual({ entry: install, usual: tested });
    const log = readFileSync(join(folder, `console-${count - 1}.log`), "latin1");
    expect(log).toMatch(/Command line: .* quiet +inst\.ks=/);
  });

  test("a console that does not show the end of the line is typed at all the same", async () => {
    const fake = grub({ hidesLineEnd: true });
    fake.drawMenu();
    expect(await type(fake, install, 0.05)).toEqual({ entry: install, usual: tested });
  });

  test("a key that is lost is seen on the screen, and nothing is booted", async () => {
    const fake = grub({ loses: 12 });
    fake.drawMenu();
    const error = await failure(type(fake, install, 0.05));
    expect(error).toBeInstanceOf(CannotTell);
    expect(error.message).toMatch(/'inst\.ks=.*', which was typed, did not come/);
    const log = readFileSync(join(folder, `console-${count - 1}.log`), "latin1");
    expect(log).not.toContain("Booting");
  });

  test("a kernel that did not get a word is not gone on with", async () => {
    const told = "[    0.0] Command line: BOOT_IMAGE=/images/pxeboot/vmlinuz quiet inst.text\r\n";
    const fake = grub({ kernel: () => `[    0.0] Linux version 7.2\r\n${told}` });
    fake.drawMenu();
    const error = await failure(type(fake));
    expect(error).toBeInstanceOf(CannotTell);
    expect(error.message).toMatch(/lost +inst\.ks=hd:LABEL=OEMDRV:\/ks\.cfg inst\.cmdline/);
  });
});
