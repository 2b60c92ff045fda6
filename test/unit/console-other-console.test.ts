/** `console=ttyS0 console=tty0`: the kernel speaks on the serial port, and user space on the screen alone. */
import { expect, test } from "vitest";
import { feed, watcherAt } from "./support/console.ts";

const kernel =
  "[    1.234567] Run /init as init process\r\n[    2.5] EXT4-fs (vda1): mounted filesystem with ordered data mode.\r\n";
const systemd =
  "[    3.000000] systemd[1]: Inserted module 'autofs4'\r\n[    3.100000] systemd[1]: systemd 252.31-1~deb12u1 running in system mode (+PAM)\r\n[    3.110000] systemd[1]: Detected virtualization kvm.\r\n";
const units =
  "[    3.500000] systemd[1]: Queued start job for default target graphical.target.\r\n[    3.510000] systemd[1]: Created slice system-getty.slice - Slice /system/getty.\r\n";
const initrd = "[    3.200000] systemd[1]: Running in initrd.\r\n";

/** How a boot is judged that says this and then nothing more. */
function silentAfter(...texts: string[]) {
  const watcher = watcherAt("kernel");
  for (const text of texts) feed(watcher, text);
  for (let atMs = 2000; atMs <= 200_000; atMs += 1000) watcher.tick(atMs);
  return watcher.fatal;
}

test.each<[string, string[], string, string]>([
  ["whose kernel alone spoke is not to blame", [kernel], "initrd", "unknown"],
  [
    "whose system began units has come to user space",
    [kernel, systemd, units],
    "userspace",
    "unknown",
  ],
  [
    "whose initramfs spoke through the kernel's log alone is not to blame",
    [kernel, systemd, initrd, units],
    "initrd",
    "unknown",
  ],
  [
    "whose initramfs has lost the line that tells it is still one by its units",
    [kernel, systemd, units.replace("graphical", "initrd")],
    "initrd",
    "unknown",
  ],
  [
    "whose initramfs is systemd's and spoke on the console is to blame",
    [kernel, systemd, initrd, "[  OK  ] Reached target local-fs.target - Local File Systems.\r\n"],
    "initrd",
    "image",
  ],
  [
    "whose initramfs tells on the console what it waits for is to blame",
    [kernel, systemd, initrd, "[***   ] A start job is running for /dev/vda4 (5s / 1min 30s)\r\n"],
    "initrd",
    "image",
  ],
  [
    "whose initramfs spoke by its scripts is to blame",
    [kernel, "Begin: Running /scripts/local-premount ... done.\r\n"],
    "initrd",
    "image",
  ],
  [
    "whose initramfs spoke in its own words is to blame",
    [kernel, "mount: mounting /dev/vda1 on /root failed\r\n"],
    "initrd",
    "image",
  ],
  [
    "whose initramfs is dracut's and spoke through the kernel's log alone is not to blame",
    [kernel, "[    2.6] dracut-pre-udev[310]: rpcbind\r\n"],
    "initrd",
    "unknown",
  ],
])("a silent boot %s", (_name, texts, stage, blame) => {
  expect(silentAfter(...texts)).toMatchObject({ pattern: "no-output", stage, blame });
});
