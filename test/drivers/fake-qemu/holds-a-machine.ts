/** A harness that switches a machine on, says the ids of its processes and then waits to be killed. Arguments: emulator, disk, folder, and `tpm` for a machine that has one. */
import { readFile } from "node:fs/promises";
import { createQemuDriver } from "../../../harness/machine/qemu/driver.ts";
import type { QemuMachine } from "../../../harness/machine/qemu/qemu-machine.ts";

const [binary = "", backingFile = "", directory = "", tpm] = process.argv.slice(2);
const signal = new AbortController().signal;
const driver = await createQemuDriver({ cacheDir: directory, accelerator: "tcg", binary });
const machine = await driver.create(
  {
    name: "held",
    architecture: "x86_64",
    firmware: "bios",
    ...(tpm === undefined ? {} : { tpm: {} }),
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
const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, "utf8");
const pids = { qemu: running.process.pid, children: children.trim().split(" ").map(Number) };
process.stdout.write(`${JSON.stringify({ ...pids, workspacePath })}\n`);
setInterval(() => undefined, 60_000);
