// An installer's machine that plays a console: only QEMU is left out.
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MachineFault } from "../../../harness/base/errors.ts";
import { fileStamp } from "../../../harness/base/file-stamp.ts";
import { asDigest } from "../../../harness/base/units.ts";
import { ConsoleLog } from "../../../harness/machine/console/console-log.ts";
import { defaultLimits } from "../../../harness/machine/console/console-watcher.ts";
import type { Machine, MachineDriver, MachineSpec } from "../../../harness/machine/machine.ts";
import type { InstallRequest } from "../../../harness/states/install/run-installer.ts";
import type { MakeOptions } from "../../../harness/states/state.ts";
import type { InstallerImage } from "../../../images/image.ts";

type End = "switches off" | "dies" | "stays";

export interface Play {
  readonly lines: readonly string[];
  readonly end: End;
  /** What the installer leaves on its disk. */
  readonly disk?: Buffer;
  /** What the installer does before it says anything. */
  readonly first?: (spec: MachineSpec) => Promise<void>;
}

/** A machine that says some lines on its console when it is switched on. */
export function playing({ lines, end, disk, first }: Play) {
  const seen = { spec: null as MachineSpec | null, isOn: false, isOver: false };
  const create: MachineDriver["create"] = async (spec, { directory }) => {
    seen.spec = spec;
    const path = join(directory, "console.log");
    await writeFile(path, "");
    const console = new ConsoleLog({ ...defaultLimits(1), path, name: spec.name });
    let die: (error: Error) => void = () => undefined;
    const died = new Promise<never>((_, reject) => {
      die = reject;
    });
    died.catch(() => undefined);
    const on = async (): Promise<void> => {
      console.poweredOn();
      seen.isOn = true;
      await first?.(spec);
      for (const line of lines) {
        await appendFile(path, `${line}\r\n`);
        console.feed(Buffer.from(`${line}\r\n`));
      }
      const [target] = spec.disks;
      if (disk !== undefined && target?.kind === "working") await writeFile(target.path, disk);
      if (end === "switches off")
        console.machineSaid("powered-off", "the guest switched itself off");
      if (end === "dies") die(new MachineFault("QEMU of machine 'installer' died."));
    };
    const machine: Partial<Machine> = {
      spec,
      console,
      died,
      power: { on, off: async () => undefined, reset: async () => undefined },
      [Symbol.asyncDispose]: async () => {
        console.poweredOff();
        seen.isOver = true;
      },
    };
    return machine as Machine;
  };
  const cost: MachineDriver["cost"] = ({ memoryMiB, cpus }) => ({
    memoryMiB,
    cpus,
    diskMiB: 1,
    locks: [],
  });
  return { driver: { kind: "qemu", timeScale: 1, create, cost } as unknown as MachineDriver, seen };
}

/** An ISO, and a request to install from it. */
export async function scene(path: string) {
  const directory = join(path, "evidence");
  const scratch = join(path, "scratch");
  for (const folder of [directory, scratch]) await mkdir(folder);
  const iso = join(path, "os.iso");
  await writeFile(iso, `${"x".repeat(4096)}kernel${"x".repeat(100)}initrd`);
  const installer: InstallerImage = {
    path: iso,
    label: "OS",
    digest: asDigest(`sha256:${"1".repeat(64)}`),
    stamp: await fileStamp(iso),
    kernel: { path: "/vmlinuz", start: 4096, size: 6 },
    initrd: { path: "/initrd.img", start: 4202, size: 6 },
    arguments: ["inst.stage2=hd:LABEL=OS"],
    carriesImage: true,
    family: "anaconda",
  };
  const request: InstallRequest = {
    name: "os.iso",
    installer,
    architecture: "x86_64",
    firmware: "bios",
    kickstart: "text\nreboot\n",
    author: "harness",
    payloadBytes: 0,
    sizeMiB: 64,
    memoryMiB: 1024,
    network: "closed",
    target: join(path, "disk.qcow2"),
    scratch,
  };
  const stages: string[] = [];
  const evidence: string[] = [];
  const { signal } = new AbortController();
  const how: MakeOptions = {
    directory,
    signal,
    runSignal: signal,
    onStage: (stage) => stages.push(stage),
    onEvidence: ({ path: file }) => evidence.push(file),
    onNote: () => undefined,
  };
  return { request, how, stages, evidence, installer };
}
