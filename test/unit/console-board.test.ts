/** Boots of boards: what U-Boot and cards say, whose fault it is, and what is told of firmware. */
import { describe, expect, test } from "vitest";
import { ConsoleWatcher } from "../../harness/machine/console/console-watcher.ts";
import { linux, raspberryPi4, uBoot } from "../boards/u-boot-words.ts";
import { fatalName, feed, limits, until } from "./support/console.ts";

function boot(text: string, patience = 1): ConsoleWatcher {
  const watcher = new ConsoleWatcher({ ...limits, patience });
  watcher.powerOn(0);
  feed(watcher, text, 10);
  return watcher;
}

describe.each([1, 6])("on a board that is %d times as slow", (patience) => {
  test.each([
    ["no card", "card-unreadable", "host", uBoot.noCard],
    ["no boot loader", "u-boot-no-loader", "image", uBoot.noLoader],
    ["a boot loader that is not a program", "u-boot-no-loader", "image", uBoot.badLoader],
    ["no device tree", "u-boot-no-device-tree", "image", uBoot.noDeviceTree],
    ["a crash", "u-boot-crashed", "unknown", uBoot.crash],
    ["a card that cannot be read", "card-unreadable", "host", linux.cardUnreadable],
  ])("%s is '%s', the fault of: %s", (_, pattern, blame, text) => {
    expect(boot(text, patience).fatal).toMatchObject({ pattern, blame });
  });
});

test("a card that never answers is told when its time is up, also without U-Boot's prompt", () => {
  const watcher = boot(raspberryPi4);
  watcher.tick(59_000);
  expect(fatalName(watcher)).toBeNull();
  watcher.tick(61_000);
  expect(watcher.fatal).toMatchObject({ pattern: "card-unreadable", blame: "host" });
});

test("a card that goes away while its system starts is told when its time is up", () => {
  const watcher = boot(linux.cardRemoved);
  watcher.tick(59_000);
  expect(fatalName(watcher)).toBeNull();
  watcher.tick(73_000);
  expect(watcher.fatal).toMatchObject({ pattern: "card-removed", blame: "host" });
});

test("an empty slot does not excuse an image whose boot loader was started from the other", () => {
  const started = [
    "** Booting bootflow 'mmc@fe2e0000.bootdev.part_2' with efi",
    "Booting /efi\\boot\\bootaa64.efi",
    "Welcome to GRUB!",
    "error: no such device: root.",
    "grub rescue> ",
  ].join("\r\n");
  const watcher = boot(`${uBoot.noCard.replace(/U-Boot> $/, "")}${started}`);
  expect(watcher.fatal).toMatchObject({ blame: "image", stage: "bootloader" });
});

test.each([
  ["a slot without a card", uBoot.noCard.replace(/U-Boot> $/, "Booting: usb 0\r\n")],
  ["a wireless chip that does not answer", "mmc1: error -110 whilst initialising SDIO card\r\n"],
  ["U-Boot's own environment", uBoot.starts],
  ["a boot manager that is asked before the disk", uBoot.noLoader.replace(/U-Boot> $/, "")],
])("%s does not keep a board from booting", (_, text) => {
  const watcher = boot(`${text}${until.kernel}`);
  watcher.tick(100_000);
  expect(fatalName(watcher)).toBeNull();
  expect(watcher.stage).toBe("kernel");
});

test("U-Boot, its board and GRUB tell what they are, and again in each boot", () => {
  const menu = "\x1b[2J\x1b[1;1H\x1b[2;25HGNU GRUB  version 2.12-9+deb13u4\r\n";
  const watcher = boot(`${uBoot.starts}${menu}`);
  const said = [
    "U-Boot 2025.01-3+deb13u1",
    "board RPI 3 Model B (0xa02082)",
    "GRUB 2.12-9+deb13u4",
  ];
  expect(watcher.rows.firmware.said).toEqual(said);
  expect(watcher.stages.map(({ stage }) => stage)).toEqual(["firmware", "bootloader"]);
  feed(watcher, until.kernel, 20);
  feed(watcher, uBoot.starts, 30_000);
  expect(watcher.rows.firmware.said).toEqual(said.slice(0, 2));
  watcher.powerOn(60_000);
  expect(watcher.rows.firmware.said).toEqual([]);
});
