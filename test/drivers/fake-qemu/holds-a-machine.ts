/** A harness that switches a machine on, says QEMU's process id and then waits to be killed. Arguments: emulator, disk, folder. */
import { createQemuDriver } from "../../../harness/machine/qemu/driver.ts";
import type { QemuMachine } from "../../../harness/machine/qemu/qemu-machine.ts";

const [binary = "", backingFile = "", directory = ""] = process.argv.slice(2);
const signal = new AbortController().signal;
const driver = await createQemuDriver({ cacheDir: directory, accelerator: "tcg", binary });
const machine = await driver.create(
  {
    name: "held",
    architecture: "x86_64",
    firmware: "bios",
    memoryMiB: 128,
    cpus: 1,
    disks: [{ kind: "overlay", backingFile, backingFormat: "qcow2", contentDigest: "none" }],
    network: "closed",
    forwards: [],
    credentials: {},
    imageDigest: "none",
  },
  { directory, signal },
);
await machine.power.on(signal);
const { running, workspacePath } = machine as QemuMachine;
process.stdout.write(`${JSON.stringify({ qemu: running.process.pid, workspacePath })}\n`);
setInterval(() => undefined, 60_000);
