/**
 * Versions of the reference OS with the real podman, for images in its storage and for those that a system is bound to. What podman is
 * made of lies in a layer of its own below these (`package-layer.ts`).
 */
import type { LayerEntry } from "./layer-entry.ts";
import { file, likeV1, likeV2, type VersionRecipe } from "./recipe.ts";

/** Where bootc keeps what a system is bound to, as bootc's own package links it (bootc-dev/bootc, docs/src/logically-bound-images.md). */
const storage: LayerEntry = {
  kind: "link",
  path: "usr/lib/bootc/storage",
  target: "/sysroot/ostree/bootc/storage",
};

const real = "/usr/lib/bootgate-standin/bootc";

/** bootc that runs some lines of sh first; what they do not end goes on to the real one. */
const bootcBefore = (...lines: readonly string[]): LayerEntry =>
  file("usr/bin/bootc", ["#!/bin/sh", ...lines, `exec ${real} "$@"`, ""].join("\n"), 0o755);

const deaf = "usr/libexec/reference/deaf";

/** A folder for PATH whose podman says of each pull that it went well. */
const deafPodman: LayerEntry = file(
  `${deaf}/podman`,
  ["#!/bin/sh", 'case "$*" in *" pull "*) exit 0 ;; esac', 'exec /usr/bin/podman "$@"', ""].join(
    "\n",
  ),
  0o755,
);

const v1 = (name: string, description: string, ...wrong: readonly LayerEntry[]): VersionRecipe => ({
  ...{ description, hasDisk: true, day: 0 },
  entries: [...likeV1(name), storage, ...wrong],
});

const v2 = (name: string, description: string, ...wrong: readonly LayerEntry[]): VersionRecipe => ({
  ...{ description, hasDisk: true, day: 31 },
  entries: [...likeV2(name), storage, ...wrong],
});

/** By version; a name is also the tag in the layout of this edition. */
export const podmanRecipes = {
  v1: v1("v1-podman", "v1 with the real podman"),
  v2: v2("v2-podman", "v2 with the real podman"),
  "v1-switches-to-registry": v1(
    "v1-switches-to-registry",
    "`bootc switch --transport containers-storage` follows the registry",
    bootcBefore(
      'case "$*" in',
      `  "switch --transport containers-storage "*) shift 3; exec ${real} switch "$@" ;;`,
      "esac",
    ),
  ),
  "v2-unbound": v2(
    "v2-unbound",
    "`bootc upgrade` takes each image that it is bound to for pulled",
    deafPodman,
    bootcBefore(`export PATH=/${deaf}:$PATH`),
  ),
  "v2-stages-first": v2(
    "v2-stages-first",
    "`bootc upgrade` stages an update whose bound images it does not get, and then says that it failed",
    deafPodman,
    bootcBefore(
      'if [ "$*" = upgrade ]; then',
      `  ${real} upgrade && exit`,
      "  code=$?",
      `  PATH=/${deaf}:$PATH ${real} upgrade > /dev/null 2>&1`,
      "  exit $code",
      "fi",
    ),
  ),
} as const satisfies Record<string, VersionRecipe>;
