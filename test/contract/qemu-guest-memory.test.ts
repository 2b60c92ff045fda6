import { readdir, statfs } from "node:fs/promises";
import { expect, test } from "vitest";
import { openGuestMemory } from "../../harness/machine/qemu/guest-memory.ts";

const tmpfsMagic = 0x01021994;
const space = await statfs("/dev/shm").catch(() => null);
const freeMiB = space === null ? 0 : Math.floor((space.bavail * space.bsize) / 1024 / 1024);
const isTmpfs = space?.type === tmpfsMagic && freeMiB > 16;

test.runIf(isTmpfs)("guests together are not given more memory than /dev/shm has", async () => {
  // Nothing is written to any of them, so what is free stays the same.
  const machine = { forkedMemory: null, memoryMiB: Math.floor(freeMiB * 0.6) };
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  {
    await using first = await openGuestMemory(machine);
    expect(first.isGiven).toBe(true);
    first.keepUntil(ended);
  }
  {
    await using second = await openGuestMemory(machine);
    expect(second.isGiven, "the first one runs still").toBe(false);
  }
  end();
  await ended;
  await using third = await openGuestMemory(machine);
  expect(third.isGiven).toBe(true);
  const names = await readdir("/dev/shm");
  expect(names.filter((name) => name.includes(`bootgate-${process.pid}-`))).toEqual([]);
});

test("a fork is given none: it maps the template's", async () => {
  await using memory = await openGuestMemory({ forkedMemory: "/template/ram.img", memoryMiB: 1 });
  expect(memory).toMatchObject({ isGiven: false, descriptors: [] });
});
