/**
 * Versions of the reference OS for Secure Boot: shim and GRUB are signed by keys of its own, which firmware has to be given, the
 * kernel by Debian. They install themselves like any image, so none has a disk of its own making.
 */
import { likeV1, likeV2, type VersionRecipe } from "./recipe.ts";
import type { SignedTree } from "./secure-boot.ts";

const v2 = (name: string, description: string, tree: SignedTree): VersionRecipe => ({
  ...{ description, hasDisk: false, day: 31 },
  entries: [...likeV2(name), { kind: "secure-boot", tree }],
});

/** By version; a name is also the tag in the layout of this edition. */
export const secureBootRecipes = {
  v1: {
    ...{ description: "v1 with a signed boot loader", hasDisk: false, day: 0 },
    entries: [...likeV1("v1-secure-boot"), { kind: "secure-boot", tree: "signed" }],
  },
  v2: v2("v2-secure-boot", "v2 with a signed boot loader", "signed"),
  "v2-unsigned-grub": v2("v2-unsigned-grub", "Nobody signed its GRUB", "unsigned-grub"),
  "v2-unsigned-kernel": v2("v2-unsigned-kernel", "Nobody signed its kernel", "unsigned-kernel"),
  "v2-foreign-shim": v2(
    "v2-foreign-shim",
    "Its shim is signed by a key that the firmware does not have",
    "foreign-shim",
  ),
} as const satisfies Record<string, VersionRecipe>;
