/**
 * What bootc's composefs backend has on the disk of each deployment: a folder with its state, the image of its root, and a folder with kernel
 * and initramfs, which deployments with the same two share, or a unified kernel (bootc-dev/bootc, `bootc_composefs/{state,boot,gc}.rs`). All
 * are named by an image's fs-verity digest; a kernel's folder by that of the deployment that brought it first.
 */
import { composefsKept } from "../composefs-commands.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";

export interface KeptByComposefs {
  readonly states: readonly string[];
  /** Newer releases have other images beside those of roots. */
  readonly images: readonly string[];
  /** Empty, like `unified`, where nothing that is booted is mounted. */
  readonly kernels: readonly string[];
  readonly unified: readonly string[];
}

const line = /^(state|image|boot) (?:bootc_composefs-)?([0-9a-f]{64,128})(\.efi)?$/;

/** Reads what `composefsKept` printed. Pure. */
export function parseKept(text: string): KeptByComposefs {
  const found = { states: [], images: [], kernels: [], unified: [] } as Record<
    keyof KeptByComposefs,
    string[]
  >;
  for (const row of text.split("\n")) {
    const [, kind, digest, isUnified] = line.exec(row) ?? [];
    if (digest === undefined) continue;
    const booted = isUnified === undefined ? "kernels" : "unified";
    const list = found[kind === "state" ? "states" : kind === "image" ? "images" : booted];
    if (!list.includes(digest)) list.push(digest);
  }
  for (const list of Object.values(found)) list.sort();
  return found;
}

export const readKept = async (io: GuestIo): Promise<KeptByComposefs> =>
  parseKept((await mustExec(io, composefsKept)).stdout);
