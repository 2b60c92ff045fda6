/** The kernel and the initramfs from which a helper machine is started, taken out of an image's root. */
import { join } from "node:path";
import type { Architecture } from "../../../images/image.ts";
import type { OciImageFacts } from "../../../images/origins/oci-layout.ts";
import type { Startable } from "../../../images/rootfs/facts.ts";
import {
  type KernelFormat,
  readKernelFormat,
  unpackUki,
} from "../../../images/rootfs/kernel-file.ts";
import type { RootTree } from "../../../images/rootfs/root-tree.ts";
import { CannotTell, ExpectationFailed } from "../../base/errors.ts";
import { excerptStart } from "../../guest/excerpt.ts";
import type { HelperPurpose } from "./helper-purpose.ts";
import { imageFault } from "./install-plan.ts";

export interface KernelRequest {
  /** How the image is called in messages. */
  readonly name: string;
  readonly purpose: HelperPurpose;
  readonly image: Pick<OciImageFacts, "architecture">;
  readonly tree: Pick<RootTree, "extractFiles">;
  readonly from: Startable;
  /** Where the files go. */
  readonly folder: string;
  readonly onNote: (text: string) => void;
}

export interface KernelFiles {
  readonly kernel: string;
  readonly initrd: string;
}

/**
 * Extracts the files. Throws ExpectationFailed for a kernel of another architecture than the image says and for a damaged
 * unified kernel image, CannotTell for a kernel that cannot be started directly.
 */
export async function extractKernel(request: KernelRequest): Promise<KernelFiles> {
  const { name, purpose, tree, from, folder, onNote } = request;
  const [kernel, initrd] = [join(folder, "vmlinuz"), join(folder, "initramfs.img")];
  if (from.kind === "kernel") {
    const { vmlinuz, initramfs } = from;
    await tree.extractFiles(
      new Map([
        [vmlinuz, kernel],
        [initramfs, initrd],
      ]),
    );
  } else {
    const packed = join(folder, "kernel.efi");
    await tree.extractFiles(new Map([[from.path, packed]]));
    const title = `The unified kernel image '${from.path}' of the image '${name}'`;
    const { commandLine } = await unpackUki(packed, { title, kernel, initrd }).catch(
      (error: unknown) => {
        throw imageFault(error);
      },
    );
    const own =
      commandLine === ""
        ? ""
        : ` Its own command line was left out there: ${excerptStart(commandLine, 300)}`;
    onNote(
      `The machine that ${purpose.does} '${name}' was started with the kernel and the initramfs in ${from.path}.${own}`,
    );
  }
  await requireStartable(kernel, request);
  return { kernel, initrd };
}

/**
 * Kernels that a helper machine can be started with. On aarch64 its UEFI starts them as programs, and one that unpacks itself
 * (EFI zboot, as Fedora has it) is such a program, whatever it is packed by.
 */
export const startable: Readonly<Record<Architecture, readonly KernelFormat["kind"][]>> = {
  x86_64: ["bzImage"],
  aarch64: ["arm64 Image", "EFI zboot"],
};

async function requireStartable(
  path: string,
  { name, purpose, image, from }: KernelRequest,
): Promise<void> {
  const { kind, machine, compression } = await readKernelFormat(path);
  const where = from.kind === "kernel" ? from.vmlinuz : from.path;
  if (machine !== null && machine !== image.architecture)
    throw new ExpectationFailed(
      `The image '${name}' says that it is for ${image.architecture}, and its kernel is for ${machine}.`,
      { details: { kernel: where } },
    );
  if (startable[image.architecture].includes(kind)) return;
  throw new CannotTell(`The kernel of the image '${name}' cannot be started directly.`, {
    details: {
      kernel: where,
      "it is": compression === null ? kind : `${kind} (${compression})`,
      "to do": purpose.advice,
    },
  });
}
