/**
 * Changes an image from inside, in a helper machine of the image's own kernel and root (`helper-machine.ts`): its own dnf5 runs over an
 * overlay there, as root in a container would, and what became of the overlay comes back over the helper's second disk. No right on
 * this host is needed, and nothing of the image runs on it.
 */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImageRunner, InsideRequest } from "../../../images/derive/inside-layer.ts";
import type { PackageStep } from "../../../images/image.ts";
import type { RootExtra } from "../../../images/rootfs/extras.ts";
import { requireInstallable } from "../../../images/rootfs/facts.ts";
import { CannotTell } from "../../base/errors.ts";
import { runCommand } from "../../base/process.ts";
import { quoteArgument } from "../../base/quote.ts";
import { excerptEnd } from "../../guest/excerpt.ts";
import { dnfWords } from "../../guest/tools/dnf.ts";
import type { ExecOutcome } from "../../guest/transport.ts";
import type { MachineDriver } from "../../machine/machine.ts";
import { guestCpus, speedOf } from "../../machine/profile.ts";
import { type ChangeResult, changeExit, changeText, parseChange } from "./change-script.ts";
import { requireHelper, writeHelperImage } from "./helper-image.ts";
import { type HelperParts, startHelper } from "./helper-machine.ts";
import { toChange } from "./helper-purpose.ts";
import { bareExtras, script } from "./helper-root.ts";
import { sourceFolder as folder, place } from "./image-source.ts";
import { asImageFault } from "./install-plan.ts";

export interface RunInImageOptions {
  readonly driver: MachineDriver;
  readonly memoryMiB: number;
  readonly onProgress: (line: string) => void;
  readonly onNote: (text: string) => void;
}

/** For all that runs in the image: each transaction takes an emulated machine half a minute. Milliseconds, scaled. */
const changeMs = 10 * 60_000;
/** Room for the tar, MiB; what is not written takes none on the host. */
const outMiB = 4096;

const rpmFolder = `${folder}/rpms`;
const kernelFolder = `${folder}/kernel-packages`;
const changePath = `${folder}/change`;
const scriptPath = `${folder}/script`;

/** The version does not matter to what is told: in a helper /usr can be written, and a setting of this host is not there. */
const dnfLine = (step: PackageStep): string =>
  ["dnf5", ...dnfWords(step, { told: "", repository: `file://${rpmFolder}` })]
    .map(quoteArgument)
    .join(" ");

/** What runs in the image, line by line; `sh -e` ends it with the first that fails. Pure. */
export const insideScript = ({
  packages,
  run,
  kernel,
}: Pick<InsideRequest, "packages" | "run" | "kernel">): string => {
  const told = kernel === undefined ? [] : [`kernel_packages=${kernelFolder}`];
  return `${[...packages.map(dnfLine), ...told, ...run].join("\n")}\n`;
};

const kernelExtras = ({ kernel }: InsideRequest): RootExtra[] =>
  kernel === undefined
    ? []
    : [
        place(kernelFolder),
        ...kernel.names.map((name) => ({
          path: `${kernelFolder}/${name}`,
          mode: 0o644,
          content: { file: join(kernel.folder, name) },
        })),
      ];

async function insideExtras(request: InsideRequest): Promise<RootExtra[]> {
  const entries = await readdir(request.repository, { recursive: true, withFileTypes: true });
  const files = entries.flatMap((entry): RootExtra[] => {
    const file = join(entry.parentPath, entry.name);
    const path = `${rpmFolder}${file.slice(request.repository.length)}`;
    if (entry.isDirectory()) return [place(path)];
    return [{ path, mode: 0o644, content: { file } }];
  });
  return [
    ...bareExtras(),
    place(rpmFolder),
    // Folders before what is in them.
    ...files.sort((a, b) => (a.path < b.path ? -1 : 1)),
    ...kernelExtras(request),
    script(changePath, changeText),
    script(scriptPath, insideScript(request)),
  ];
}

/** Makes what changes images in machines of this driver. */
export const createImageRunner =
  ({ driver, memoryMiB, onProgress, onNote }: RunInImageOptions): ImageRunner =>
  async (request, { signal, directory }) => {
    const { name, image, scratch, target } = request;
    const { architecture } = image;
    await requireHelper(driver, architecture, {
      headline: `Nothing can be run in the image '${name}', which is for ${architecture}.`,
    });
    await mkdir(directory, { recursive: true });
    const { root, kernel, initrd } = await writeHelperImage({
      ...{ name, image, purpose: toChange, folder: scratch, onUnpacking: onProgress, onNote },
      extra: await insideExtras(request),
      plan: (facts) => ({ kernel: asImageFault(() => requireInstallable(facts, name)) }),
      signal,
    });
    const out = join(scratch, "out.qcow2");
    const create = ["create", "-q", "-f", "qcow2", out, `${outMiB}M`];
    await runCommand("qemu-img", create, { signal });
    const machine = { architecture, root, kernel, initrd, target: out, memoryMiB, cpus: guestCpus };
    const parts = { name, purpose: toChange, ...machine };
    const made = await changeIn(driver, parts, { signal, directory, onProgress, onNote });
    await runCommand("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", out, target], { signal });
    return made;
  };

interface HowToChange {
  readonly signal: AbortSignal;
  readonly directory: string;
  readonly onProgress: (line: string) => void;
  readonly onNote: (text: string) => void;
}

/** Starts the helper, lets it change its image, and ends it, so that its second disk is complete. */
async function changeIn(
  driver: MachineDriver,
  parts: HelperParts,
  { signal, directory, onProgress, onNote }: HowToChange,
): Promise<ChangeResult> {
  await using helper = await startHelper(driver, parts, {
    ...{ directory, signal, runSignal: signal, onNote },
    onStage: (stage) => onProgress(`the machine that changes '${parts.name}': ${stage}`),
    onEvidence: () => undefined,
  });
  const command = `sh ${changePath} /dev/vda /dev/vdb ${scriptPath}`;
  const done = await helper.exec(
    command,
    changeMs * speedOf(driver, parts.architecture).timeScale,
    signal,
  );
  const log = join(directory, "change.log");
  await writeFile(log, done.stderr);
  if (done.exitCode !== 0) throw notChanged(parts.name, done, log);
  return parseChange(done.stdout);
}

const reasons: Readonly<Record<number, string>> = {
  [changeExit.noOverlay]: "its kernel cannot mount an overlay",
  [changeExit.noTar]: "it does not have tar",
  [changeExit.tarFailed]: "what is new could not be read or written out",
  127: "it does not have a program that was asked for",
};

/** It may be the image, what it was told, or the machine: nobody can tell. */
const notChanged = (name: string, done: ExecOutcome, lookAt: string): CannotTell =>
  new CannotTell(`The image '${name}' could not be changed from inside.`, {
    details: {
      why:
        done.exitCode === null
          ? done.truncated
            ? "it said more than a megabyte"
            : "its time was over"
          : (reasons[done.exitCode] ?? `a command ended with exit code ${done.exitCode}`),
      said: excerptEnd(done.stderr.trim(), 1000) || "nothing",
    },
    lookAt,
  });
