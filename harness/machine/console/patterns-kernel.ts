/** Lines of the kernel that end a boot, whichever stage it is in. */
import { booting, type FatalPattern, kernel, stamped } from "./console-pattern.ts";

const oops = "the kernel has a bug or met broken hardware (Oops)";
const moreMemory = "give it more by --memory, and run it again";

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
    name: "out-of-memory-panic",
    regex: kernel("Kernel panic - not syncing: (?:Out of memory|System is deadlocked on memory)"),
    meaning: "the kernel ran out of memory and panicked",
    proof: "doubtful",
    howTo: moreMemory,
  },
  {
    // arch/x86/kernel/apic/io_apic.c, check_timer: ten ticks within a delay counted in cycles. Hypervisors whose guests know
    // them are excused from it; an emulator on a busy host is not. Seen with QEMU 10.0.2 at a load of 15 on two processors.
    name: "timer-panic",
    regex: kernel("Kernel panic - not syncing: IO-APIC \\+ timer doesn't work"),
    meaning: "the machine's timer did not tick for its kernel",
    proof: "doubtful",
    howTo: "run it again when the host has less to do",
  },
  {
    name: "kernel-panic",
    regex: kernel("(?:---\\[ end )?Kernel panic - not syncing"),
    meaning: "the kernel panicked",
  },
  {
    // A breakpoint that nobody set. Emulated processors have met one that another was just patching in (qemu/version.ts), so there it
    // proves nothing (`fatal-error.ts`, `journal-fault.ts`).
    name: "kernel-int3",
    regex: kernel("Oops: int3: [0-9a-f]{4} \\[#"),
    meaning: oops,
    goesOn: true,
  },
  {
    name: "kernel-oops",
    // `[#1]` is the counter that every die() of every architecture prints: behind an error code, an instruction's length
    // (s390x) or the message itself (`Oops[#1]:`, `Kernel BUG [#1]`). Left out: checks of the kernel that only switch
    // themselves off.
    regex: kernel(
      "BUG: (?:kernel |unable to handle |Bad |scheduling while atomic|sleeping function |spinlock |non-zero |KASAN: |KFENCE: )|[Kk]ernel (?:BUG at |(?:BUG|bug detected) ?\\[#)|(?:Oops|Internal error: ).{0,200}\\[#\\d{1,3}\\]|Unable to handle kernel |general protection fault, probably|[A-Za-z][^\\[\\]]{0,80}(?:: [0-9a-f]{4,16}(?: ilc:\\d)? \\[#\\d{1,3}\\]|[a-z]\\[#\\d{1,3}\\]:)",
    ),
    meaning: oops,
    goesOn: true,
  },
  {
    name: "kernel-oops",
    // Words that a program says too. Left out: lockups and stalls, which on an overloaded host say nothing about the image.
    regex: stamped(
      "BUG: (?!soft lockup|workqueue lockup|MAX_|arch topology|using )|Oops[ :[]|Internal error: ",
    ),
    meaning: oops,
    goesOn: true,
  },
  {
    name: "out-of-memory",
    // How much memory a guest has is the harness's choice, and a boot may go on without the process.
    regex: kernel("Out of memory(?:: Kill| and no killable)"),
    meaning: "the guest ran out of memory, the kernel killed a process, and nothing more was seen",
    stages: booting,
    graceMs: 60_000,
    proof: "doubtful",
    howTo: moreMemory,
  },
];
