/** The journal and the console judge one event alike. */
import { describe, expect, test } from "vitest";
import { journalFault } from "../../harness/machine/console/journal-fault.ts";
import { fatalName, feed, watcherAt } from "./support/console.ts";
import { processorMs } from "./support/processor-time.ts";

const both: readonly [fault: string, journal: string, console: string][] = [
  [
    "ordering-cycle",
    "systemd[1]: local-fs.target: Found ordering cycle on foo.service/start",
    "[\x1b[0;1;31m SKIP \x1b[0m] Ordering cycle found, skipping \x1b[0;1;39mlocal-fs.target\x1b[0m",
  ],
  [
    "ordering-cycle",
    "systemd[1]: local-fs.target: Job foo.service/start deleted to break ordering cycle starting with local-fs.target/start",
    "[    3.1] systemd[1]: x.service: Found ordering cycle: a.service/start after x.service/start",
  ],
  [
    "kernel-oops",
    "kernel: BUG: kernel NULL pointer dereference, address: 0000000000000010",
    "[    3.412345] BUG: kernel NULL pointer dereference, address: 0000000000000010",
  ],
  ["kernel-oops", "kernel: Oops: 0002 [#1] SMP NOPTI", "[    3.4] Oops: 0002 [#1] SMP NOPTI"],
  [
    "kernel-oops",
    "kernel: invalid opcode: 0000 [#1] SMP",
    "[    3.4] invalid opcode: 0000 [#1] SMP",
  ],
  [
    "local-file-systems-failed",
    "systemd[1]: Dependency failed for local-fs.target - Local File Systems.",
    "[\x1b[0;1;33mDEPEND\x1b[0m] Dependency failed for \x1b[0;1;39mlocal-fs.target\x1b[0m - Local File Systems.",
  ],
  [
    "emergency-target",
    "systemd[1]: Reached target emergency.target - Emergency Mode.",
    "[  OK  ] Reached target emergency.target - Emergency Mode.",
  ],
  [
    "greenboot-red",
    "greenboot[812]: Boot Status is RED - Health Check FAILURE!",
    "[FAILED] Failed to start greenboot-healthcheck.service - greenboot Health Checks Runner.",
  ],
];

describe.each(["[    9.123456] host ", "Nov 25 10:00:01 host ", "2026-11-25T10:00:01+00:00 host "])(
  "behind %j",
  (stamp) => {
    test.each(both)("%s: %s", (fault, journal, console) => {
      expect(journalFault(stamp + journal)).toBe(fault);
      const watcher = watcherAt("userspace");
      feed(watcher, `${console}\r\n`);
      expect(fatalName(watcher)).toBe(fault);
    });
    test.each([
      ["segfault", "kernel: simulatord[412]: segfault at 0 ip 0000000000401136 error 4"],
      ["out-of-memory", "kernel: Out of memory: Killed process 411 (dnf5)"],
      ["kernel-oops", "kernel: Oops: no counter, and still the kernel's word"],
      ["segfault", "kernel: traps: mine[412] general protection fault ip:40 sp:7f error:0 in mine"],
      [
        "file-system-damaged",
        "kernel: EXT4-fs error (device vda3): ext4_lookup:1855: inode #2: comm ls: deleted inode referenced: 12",
      ],
      ["file-system-damaged", "kernel: XFS (vda3): Metadata corruption detected at xfs_agi_verify"],
      [
        "file-system-damaged",
        "kernel: BTRFS critical (device vda3): corrupt leaf: root=5 block=30 slot=1, bad key order",
      ],
      ["medium-damaged", "kernel: SQUASHFS error: xz decompression failed, data probably corrupt"],
      [
        "medium-damaged",
        "kernel: erofs (device loop0): failed to decompress (zstd) -EFSCORRUPTED @ pa 4096 size 10",
      ],
      ["core-dump", "systemd-coredump[500]: Process 412 (x) of user 0 dumped core."],
    ])("%s ends no boot and is in no healthy journal", (fault, journal) => {
      expect(journalFault(stamp + journal)).toBe(fault);
    });
  },
);

test.each([
  "[    9.1] host sshd[7]: error: kex_exchange_identification",
  "[    9.1] host myapp[7]: kernel: BUG: kernel NULL pointer dereference",
  "[    9.1] host myapp[7]: Oops: no cloud metadata found",
  "[    9.1] host myapp[7]: Out of memory: Killed process 411 (dnf5)",
  "[    9.1] host myapp[7]: the words 'ordering cycle' and 'segfault at' are quoted here",
  "[    9.1] host systemd[1234]: default.target: Found ordering cycle on foo.service/start",
  "[    9.1] host systemd[1234]: default.target: Unable to break cycle starting with foo.service/start",
  "[    9.1] host systemd[10]: Dependency failed for local-fs.target - Local File Systems.",
  "[    9.1] host systemd[1234]: Reached target emergency.target - Emergency Mode.",
  "[    9.1] host myapp[7]: Reached target emergency.target - Emergency Mode.",
  '[    9.1] host audit[1]: SERVICE_START pid=1 unit=emergency comm="systemd" res=failed',
  "[    9.1] host kernel: ACPI BIOS Error (bug): Could not resolve symbol",
  "[    9.1] host kernel: Command line: panic=30 systemd.unit=emergency.target",
  "[    9.1] host kernel: watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
  "[    9.1] host kernel: Memory cgroup out of memory: Killed process 7 (x)",
  "[    9.1] host systemd[1]: Dependency failed for foo.service - Foo.",
  "[    9.1] host dracut-initqueue[3]: Warning: dracut-initqueue: timeout, still waiting for following",
  "[    9.1] host kernel: erofs (device loop0): mounted with root inode @ nid 36.",
  "[    9.1] host myapp[7]: SQUASHFS error: xz decompression failed, data probably corrupt",
  "-- No entries --",
  "",
])("no fault: %s", (line) => expect(journalFault(line)).toBeNull());

test("a long hostile line is read in no time", () => {
  const took = processorMs(() => {
    for (const piece of [" ", "a", " a", "[1]: ", " systemd[1]: "])
      journalFault(piece.repeat(1_000_000 / piece.length));
  });
  expect(took).toBeLessThan(1000);
});

test.each([
  "kernel: EXT4-fs error (device vda3): ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0",
  "kernel: EXT4-fs error (device vda3): ext4_wait_block_bitmap:582: comm ls: Cannot read block bitmap - block_group = 1",
  "kernel: EXT4-fs error (device vda3): ext4_check_bdev_write_error:224: comm ls: Error while async write back metadata",
  "kernel: EXT4-fs error (device vda3): ext4_evict_inode:255: inode #1: comm rm: couldn't truncate inode 12 (err -5)",
  "kernel: EXT4-fs error (device vda3): ext4_read_inode_bitmap:170: comm ls: Cannot get buffer for inode bitmap - block_group = 1",
  "kernel: XFS (vda3): Corruption of in-memory data (0x8) detected at xfs_trans_cancel+0x1 (fs/xfs/xfs_trans.c:1096).  Shutting down filesystem.",
  "kernel: BTRFS error (device vda3): bdev /dev/vda3 errs: wr 0, rd 4, flush 0, corrupt 3, gen 0",
  "kernel: EXT4-fs (vda3): mounted filesystem with ordered data mode. Quota mode: none.",
  "kernel: XFS (vda3): metadata I/O error in xfs_trans_read_buf_map at daddr 0x8 len 8 error 5",
  "kernel: BTRFS info (device vda3): bdev /dev/vda3 errs: wr 0, rd 0, flush 0, corrupt 0, gen 0",
  "kernel: traps: mine[412] trap invalid opcode ip:40 sp:7f error:0 in mine",
])("no fault of the image: %s", (line) => {
  expect(journalFault(`[    3.123456] host ${line}`)).toBeNull();
});
