/** Lines of the kernel that end a boot, whichever stage it is in. */
import { type FatalPattern, kernel } from "./console-pattern.ts";

export const kernelFatal: readonly FatalPattern[] = [
  {
    name: "kernel-no-root",
    regex: kernel(
      "VFS: (?:Cannot open root device|Unable to mount root fs)|Kernel panic - not syncing: (?:VFS: )?Unable to mount root",
    ),
    meaning: "the kernel found no root file system (is the initramfs there?)",
  },
  {
    name: "init-missing",
    regex: kernel(
      "(?:Kernel panic - not syncing: )?No working init found|Failed to execute /init|Requested init .{1,200} failed|Kernel panic - not syncing: Requested init",
    ),
    meaning: "the kernel found no init to start",
  },
  {
    name: "kernel-panic",
    regex: kernel("(?:---\\[ end )?Kernel panic - not syncing"),
    meaning: "the kernel panicked",
  },
  {
    name: "kernel-oops",
    // Left out: lockups and stalls, which on an overloaded host say nothing about the image, and checks of the kernel
    // that only switch themselves off. `[#1]` is the counter that every die() of every architecture prints: behind an
    // error code, an instruction's length (s390x) or the message itself (`Oops[#1]:`, `Kernel BUG [#1]`).
    regex: kernel(
      "BUG: (?!soft lockup|workqueue lockup|MAX_|arch topology|using )|[Kk]ernel (?:BUG at |(?:BUG|bug detected) ?\\[#)|Oops[ :[]|Internal error: |Unable to handle kernel |general protection fault, probably|[A-Za-z][^\\[\\]]{0,80}(?:: [0-9a-f]{4,16}(?: ilc:\\d)? \\[#\\d{1,3}\\]|[a-z]\\[#\\d{1,3}\\]:)",
    ),
    meaning: "the kernel has a bug or met broken hardware (Oops)",
  },
  {
    name: "out-of-memory",
    regex: kernel("Out of memory(?:: Kill| and no killable)"),
    meaning: "the guest ran out of memory and the kernel killed a process",
  },
];
