/** Where a file lies on a disk, by what filefrag and btrfs tell, and what keeps the harness from believing it. */
import { describe, expect, test } from "vitest";
import { blockCommands } from "../../harness/guest/block-commands.ts";
import type { CommandResult } from "../../harness/guest/command.ts";
import { commands } from "../../harness/guest/commands.ts";
import {
  blockAt,
  blocksOf,
  parseChunks,
  parseExtents,
  placeInChunks,
} from "../../harness/guest/tools/blocks.ts";

const object = `/sysroot/ostree/repo/objects/ab/${"0".repeat(62)}.file`;
const file = {
  path: "/usr/lib/tmpfiles.d/a.conf",
  checksum: `ab${"0".repeat(62)}`,
  object,
  bytes: 3000,
};
const content = Buffer.from("# a rule\n".repeat(400)).subarray(0, 3000);

/** As filefrag 1.47.0 printed it on ext4, 2026-11-27, with another path. */
const filefrag = (flags = "last,eof"): string =>
  `Filesystem type is: ef53
File size of ${object} is 3000 (4096 block of 1 bytes)
 ext:     logical_offset:        physical_offset: length:   expected: flags:
   0:        0..    4095: 168724357120..168724361215:   4096:             ${flags}
${object}: 1 extent found
`;

/** As btrfs-progs 7.1 printed it of a file system that mkfs.btrfs made, 2026-11-27. */
const chunks = `btrfs-progs v7.1
chunk tree
leaf 22036480 items 4 free space 15781 generation 9 owner CHUNK_TREE
leaf 22036480 flags 0x1(WRITTEN) backref revision 1
\titem 0 key (DEV_ITEMS DEV_ITEM 1) itemoff 16185 itemsize 98
\t\tdevid 1 total_bytes 209715200 bytes_used 92274688
\t\tio_align 4096 io_width 4096 sector_size 4096 type 0
\titem 1 key (FIRST_CHUNK_TREE CHUNK_ITEM 13631488) itemoff 16105 itemsize 80
\t\tlength 8388608 owner 2 stripe_len 65536 type DATA|single
\t\tio_align 65536 io_width 65536 sector_size 4096
\t\tnum_stripes 1 sub_stripes 1
\t\t\tstripe 0 devid 1 offset 13635584
\t\t\tdev_uuid 29311b27-fb32-4010-a000-ef590d38f111
\titem 2 key (FIRST_CHUNK_TREE CHUNK_ITEM 22020096) itemoff 15993 itemsize 112
\t\tlength 8388608 owner 2 stripe_len 65536 type SYSTEM|DUP
\t\tio_align 65536 io_width 65536 sector_size 4096
\t\tnum_stripes 2 sub_stripes 1
\t\t\tstripe 0 devid 1 offset 22020096
\t\t\tdev_uuid 29311b27-fb32-4010-a000-ef590d38f111
\t\t\tstripe 1 devid 1 offset 30408704
\t\t\tdev_uuid 29311b27-fb32-4010-a000-ef590d38f111
`;

test("filefrag tells the extents of each file, with what is said against them", () => {
  const two = `${filefrag("last,shared,eof")}File size of /b is 9000 (12288 blocks of 1 bytes)
 ext:     logical_offset:        physical_offset: length:   expected: flags:
   0:        0..    4095:       8192..     12287:   4096:            
   1:     4096..   12287:      20480..     28671:   8192:      12288: last,eof
/b: 2 extents found
`;
  const found = parseExtents(two);
  expect([...found.keys()]).toEqual([object, "/b"]);
  expect(found.get(object)).toEqual([
    { logical: 0, physical: 168_724_357_120, bytes: 4096, flags: ["last", "shared", "eof"] },
  ]);
  expect(found.get("/b")).toEqual([
    { logical: 0, physical: 8192, bytes: 4096, flags: [] },
    { logical: 4096, physical: 20_480, bytes: 8192, flags: ["last", "eof"] },
  ]);
  expect(parseExtents("filefrag: nothing")).toEqual(new Map());
});

test("an address of btrfs is where its chunk lies, if it lies there once", () => {
  const found = parseChunks(chunks);
  expect(found).toHaveLength(2);
  expect(placeInChunks(found, 13_631_488)).toBe(13_635_584);
  expect(placeInChunks(found, 13_631_488 + 8_388_607)).toBe(13_635_584 + 8_388_607);
  expect(placeInChunks(found, 22_020_096)).toBeNull();
  expect(placeInChunks(found, 13_631_487)).toBeNull();
  expect(placeInChunks([], 0)).toBeNull();
});

test("a block is as large as its place and its extent let it be", () => {
  expect(blockAt("/dev/vda", 8192, 4096)).toEqual({ device: "/dev/vda", size: 4096, number: 2 });
  expect(blockAt("/dev/vda", 9216, 4096)).toEqual({ device: "/dev/vda", size: 1024, number: 9 });
  expect(blockAt("/dev/vda", 8192, 512)).toEqual({ device: "/dev/vda", size: 512, number: 16 });
  expect(blockAt("/dev/vda", 8192, 3000)).toBeNull();
  expect(blockAt("/dev/vda", 8200, 4096)).toBeNull();
});

interface Shown {
  readonly source?: string;
  readonly fstype?: string;
  readonly options?: string;
  readonly extents?: string;
  readonly exitCode?: number;
  readonly partition?: string;
  readonly onDisk?: string | Buffer;
  readonly attributes?: string;
}

/** A guest whose disk shows this; every block of it is the same. */
const guest = (shown: Shown) => {
  const { source = "/dev/vda3", fstype = "ext4", options = "rw,relatime" } = shown;
  const disk = shown.onDisk ?? Buffer.concat([content, Buffer.alloc(1096)]);
  const mount = { filesystems: [{ source, fstype, options }] };
  const pieces: string[] = [];
  const answer = (command: string): string => {
    if (command === commands.mount("/sysroot")) return JSON.stringify(mount);
    if (command === blockCommands.extents([object])) return shown.extents ?? filefrag();
    if (command === blockCommands.beginning(object, 3000)) return content.toString("base64");
    if (command === blockCommands.attributes(object))
      return `${shown.attributes ?? "----------------------"} ${object}\n`;
    if (command.includes("/sys/class/block/")) return shown.partition ?? "vda 2048\n";
    if (command.includes("dump-tree")) return chunks;
    if (!command.includes("iflag=direct")) throw new Error(`Nobody expects '${command}'.`);
    pieces.push(command);
    return typeof disk === "string" ? disk : disk.toString("base64");
  };
  const exec = (command: string): Promise<CommandResult> =>
    Promise.resolve({
      ...{ command, stdout: answer(command), stderr: "", truncated: false, durationMs: 1 },
      exitCode: command === blockCommands.extents([object]) ? (shown.exitCode ?? 0) : 0,
    });
  const io = { name: "candidate", timeScale: 1, lookAt: "console.log", exec };
  return { io, pieces };
};

const find = (shown: Shown) => blocksOf(guest(shown).io).ownBlock([file]);
const at = 2048 * 512 + 168_724_357_120;

describe("the block of a file", () => {
  test("is found on the whole disk below a partition", async () => {
    expect(await find({})).toEqual({
      file,
      block: { device: "/dev/vda", size: 4096, number: at / 4096 },
      isChecksummed: false,
    });
  });

  test("is found on a device that is not a partition", async () => {
    const found = await find({ source: "/dev/mapper/fedora-root", partition: "" });
    expect(found).toMatchObject({
      block: { device: "/dev/mapper/fedora-root", number: 168_724_357_120 / 4096 },
    });
  });

  test("is found through the chunks of btrfs, which has a checksum of it", async () => {
    const extents = filefrag().replaceAll(/168724357120|168724361215/g, "13635584");
    const btrfs = { source: "/dev/nvme0n1p3[/root]", fstype: "btrfs", partition: "nvme0n1 2048" };
    const found = { block: { device: "/dev/nvme0n1", number: (2048 * 512 + 13_639_680) / 4096 } };
    expect(await find({ ...btrfs, extents })).toMatchObject({ ...found, isChecksummed: true });
    for (const without of [{ options: "rw,nodatasum" }, { attributes: "---------------C------" }])
      expect(await find({ ...btrfs, extents, ...without })).toMatchObject({ isChecksummed: false });
  });

  test.each<readonly [string, Shown, RegExp]>([
    ["the image does not have filefrag", { extents: "", exitCode: 127 }, /does not have filefrag/],
    ["filefrag tells of no file", { extents: "", exitCode: 1 }, /filefrag tells of none/],
    ["another file shares it", { extents: filefrag("last,shared,eof") }, /\(shared\)/],
    ["it is compressed", { extents: filefrag("last,encoded,eof") }, /\(encoded\)/],
    ["it lies in the metadata", { extents: filefrag("last,not_aligned,inline,eof") }, /inline/],
    ["it is not written yet", { extents: filefrag("last,unknown_loc,delalloc") }, /delalloc/],
    ["the root is not on a device", { source: "overlay" }, /not told to lie on a block device/],
    ["btrfs has it nowhere", { fstype: "btrfs" }, /more than once or in stripes/],
    ["the disk shows something else", { onDisk: Buffer.alloc(4096) }, /encrypted, compressed/],
    ["the disk is not read past the cache", { onDisk: "" }, /cannot be read past/],
    ["it begins within a sector", { extents: filefrag().replace("120..", "121..") }, /a sector/],
  ])("is not told where %s", async (_which, shown, why) => {
    expect(await find(shown)).toEqual({ whyNot: expect.stringMatching(why) });
  });
});
