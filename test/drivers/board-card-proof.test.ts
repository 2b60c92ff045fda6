/** What speaks against a device before it is written: each thing for itself, and all at once. */
import { mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { messageOf, outcomeOf } from "../../harness/base/errors.ts";
import {
  type BlockFacts,
  deviceNumber,
  proveCard,
  whyNot,
} from "../../harness/machine/board/card/prove-card.ts";

const MiB = 1024 * 1024;
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootgate-card-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function told(act: Promise<unknown>): Promise<string> {
  const error = await act.then(
    () => new Error("nothing was wrong"),
    (thrown: unknown) => thrown,
  );
  expect(outcomeOf(error).kind).toBe("broken");
  return messageOf(error);
}

const usb: BlockFacts = {
  name: "sdb",
  path: "/dev/sdb",
  type: "disk",
  size: 16 * 1024 * MiB,
  rm: true,
  hotplug: true,
  tran: "usb",
  ro: false,
  mountpoints: [null],
  fstype: null,
  "maj:min": "8:16",
};
const part = (more: Partial<BlockFacts>): BlockFacts => ({
  ...usb,
  name: "sdb1",
  type: "part",
  tran: null,
  "maj:min": "8:17",
  ...more,
});
const wish = {
  board: "pi",
  device: "/dev/disk/by-id/usb-x",
  size: { least: 14 * 1024 * MiB, most: 17 * 1024 * MiB },
};

describe("a device", () => {
  test("that nothing speaks against is the card", async () => {
    expect(whyNot(usb, wish, new Set())).toEqual([]);
    expect(await proveCard(wish, [], async () => usb)).toEqual({
      path: "/dev/sdb",
      bytes: usb.size,
      number: "8:16",
    });
    expect(whyNot({ ...usb, tran: "mmc", rm: false, hotplug: false }, wish, new Set())).toEqual([]);
  });

  test.each<[string, BlockFacts, RegExp]>([
    [
      "is this host's own disk",
      { ...usb, children: [part({ "maj:min": "9:9" })] },
      /^this host, or what this run writes, lives on it$/,
    ],
    [
      "is mounted",
      { ...usb, children: [part({ mountpoints: ["/media/card"] })] },
      /^it is mounted at \/media\/card$/,
    ],
    [
      "is swapped on",
      { ...usb, children: [part({ mountpoints: ["[SWAP]"] })] },
      /^this host swaps on it$/,
    ],
    [
      "has LVM on it",
      { ...usb, children: [part({ children: [part({ name: "vg-root", type: "lvm" })] })] },
      /stands on it \(vg-root, lvm\)/,
    ],
    [
      "is a member of a RAID",
      { ...usb, children: [part({ name: "md0", type: "raid1" })] },
      /stands on it \(md0, raid1\)/,
    ],
    ["is a partition", part({ tran: "usb" }), /not a whole disk but a part/],
    [
      "is a disk inside of the host",
      { ...usb, tran: "nvme", rm: false, hotplug: false },
      /neither behind USB nor in a card slot/,
    ],
    [
      "is too large",
      { ...usb, size: 2000 * 1024 * MiB },
      /it has 2\.0 TiB, and the card has 14\.0 GiB to 17\.0 GiB/,
    ],
    ["is an empty reader", { ...usb, size: 0 }, /it has 0 B/],
    ["is locked", { ...usb, ro: true }, /lock switch/],
  ])("that %s is not written", async (_, facts, words) => {
    const reasons = whyNot(facts, wish, new Set(["9:9"]));
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toMatch(words);
  });

  test("with several things against it is told with all of them", async () => {
    const facts = {
      ...usb,
      tran: "sata",
      hotplug: false,
      size: 1,
      children: [part({ mountpoints: ["/home"] })],
    };
    expect(await told(proveCard(wish, [], async () => facts))).toMatch(
      /^The device '\/dev\/disk\/by-id\/usb-x' of board 'pi' is not written: it is mounted at \/home\..*neither behind USB.*it has 1 B/s,
    );
  });

  test("that is not there, or is a file", async () => {
    expect(await told(proveCard({ ...wish, device: join(folder, "none") }, []))).toMatch(
      /is not there.*by-id/s,
    );
    await writeFile(join(folder, "image"), "");
    await symlink(join(folder, "image"), join(folder, "card"));
    expect(await told(proveCard({ ...wish, device: join(folder, "card") }, []))).toContain(
      "is not a block device",
    );
  });

  test("on which this very test lives is refused as that", async () => {
    const here = deviceNumber((await stat(folder)).dev);
    const facts = { ...usb, children: [part({ "maj:min": here })] };
    expect(await told(proveCard(wish, [folder], async () => facts))).toContain(
      "what this run writes, lives on it",
    );
  });
});
