/** What the layer of a version of the reference OS is made of. */
import type { CpioFile } from "./cpio.ts";
import type { PackageTrees } from "./package-trees.ts";
import type { SignedTree } from "./secure-boot.ts";

/** One thing in a version's layer. `whiteout` removes what a lower layer has. */
export type LayerEntry =
  | { readonly kind: "file"; readonly path: string; readonly text: string; readonly mode?: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "whiteout"; readonly path: string }
  /** What the real bootupd installs, with the payload of its first or second version. */
  | { readonly kind: "bootupd"; readonly payload: "v1" | "v2" }
  /** RPM packages with their database, or what of them is below a folder. */
  | { readonly kind: "packages"; readonly tree: keyof PackageTrees; readonly below?: string }
  /** Boot loader and kernel for Secure Boot, by what of them is signed. */
  | { readonly kind: "secure-boot"; readonly tree: SignedTree }
  | { readonly kind: "initramfs"; readonly appended: readonly CpioFile[] };
