/** Real QEMU and a real libvirt daemon, put to the contract of all machines. Their guests boot to where they switch themselves off when they are told to. */
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { runCommand } from "../../harness/base/process.ts";
import { asDigest } from "../../harness/base/units.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { cacheRoot, createWorkspace, type Workspace } from "../../harness/base/workspace.ts";
import { channelOf } from "../../harness/guest/channel/channel-of.ts";
import { guestCredentials } from "../../harness/guest/credentials.ts";
import { ensureSshKey } from "../../harness/guest/ssh/ssh-key.ts";
import { createLibvirtDriver } from "../../harness/machine/libvirt/driver.ts";
import type { LibvirtMachine } from "../../harness/machine/libvirt/libvirt-machine.ts";
import type { Machine, MachineDriver } from "../../harness/machine/machine.ts";
import { createQemuDriver } from "../../harness/machine/qemu/driver.ts";
import type { QemuMachine } from "../../harness/machine/qemu/qemu-machine.ts";
import { buildReferenceOs } from "../../images/reference/build.ts";
import { machineContract } from "../drivers/machine/contract.ts";
import type { ContractSubject } from "../drivers/machine/subject.ts";
import { type LibvirtDaemon, startLibvirt } from "../vm/libvirt-daemon.ts";

const { signal } = new AbortController();
const minutes = 60_000;
const timeScale = 6;
let workspace: Workspace;
let daemon: LibvirtDaemon | undefined;
beforeAll(async () => {
  workspace = await createWorkspace("vm");
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await workspace?.[Symbol.asyncDispose]();
});

/** By the root channel, once its shell listens. */
async function guestSwitchesOff(machine: Machine): Promise<void> {
  const channel = channelOf(machine, timeScale);
  if (channel === null) throw new Error("the machine does not have a root channel");
  await waitFor({
    what: "the root channel's shell",
    probe: async () => channel.isOpen || undefined,
    timeoutMs: 3 * minutes,
    signal,
    giveUpWhen: Promise.race([machine.died, machine.console.fatal]),
  });
  const limits = { timeoutMs: minutes, maxBytes: 1000, signal };
  // Its answer is lost with the machine, or comes before.
  await channel.exec("systemctl poweroff --no-block", limits);
}

async function prepare(
  makeDriver: () => Promise<MachineDriver>,
  kill: ContractSubject["kill"],
): Promise<ContractSubject> {
  const options = { cacheDir: cacheRoot(), versions: ["v1"] as const, onProgress, signal };
  const { v1 } = (await buildReferenceOs(options)).versions;
  if (v1 === undefined || v1.disk === null) throw new Error("the reference OS has no disk of v1");
  const driver = await makeDriver();
  const { publicKey } = await ensureSshKey(join(workspace.path, "ssh"));
  const digest = asDigest(v1.digest);
  return {
    driver,
    spec: {
      name: "v1",
      architecture: "x86_64",
      firmware: "uefi",
      memoryMiB: 1536,
      cpus: 2,
      disks: [
        {
          kind: "overlay",
          backingFile: v1.disk,
          backingFormat: "qcow2",
          contentDigest: digest,
        },
      ],
      network: "closed",
      forwards: [],
      credentials: guestCredentials({ publicKey, insecureRegistries: [] }).credentials,
      imageDigest: v1.digest,
      channel: true,
    },
    guestSwitchesOff,
    kill,
  };
}

const budgets = { kernelMs: 2 * minutes, offMs: 4 * minutes, prepareMs: 40 * minutes };
const onProgress = (line: string) => process.stderr.write(`${line}\n`);
const common = { accelerator: "tcg", onProgress, signal } as const;

machineContract(
  "QEMU",
  () =>
    prepare(
      () => createQemuDriver({ ...common, cacheDir: workspace.path }),
      async (machine) => void (await (machine as QemuMachine).running.process.kill()),
    ),
  budgets,
);

machineContract(
  "libvirt",
  async () => {
    daemon = await startLibvirt();
    const { uri } = daemon;
    return prepare(
      () => createLibvirtDriver({ ...common, uri, cacheDir: workspace.path }),
      async (machine) => {
        const words = ["--quiet", "--connect", uri, "destroy", (machine as LibvirtMachine).domain];
        await runCommand("virsh", words, { signal });
      },
    );
  },
  budgets,
);
