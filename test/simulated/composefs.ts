/**
 * How the simulated guest's root is made: the setting in its image and its initramfs, what ostree recorded of the boot, one object
 * of its repository and the image of its root. It answers the few scripts by which the harness looks at them.
 */
import { cpioArchive } from "../../images/reference/cpio.ts";
import { diskScript } from "./disk-blocks.ts";
import { type Answer, bad, ok } from "./exit.ts";
import {
  changed,
  changedBlock,
  contentOf,
  isChanged,
  listing,
  objectLike,
  shippedAt,
  shippedFiles,
} from "./root-files.ts";
import type { SabotageName } from "./sabotages.ts";

/** The system whose root it is. */
interface RootedSystem {
  readonly world: { readonly backend: "ostree" | "composefs" | null; readonly prepareRoot: string };
  readonly booted: { readonly verity: string; readonly checksum: string };
  /** Absolute path → content. */
  readonly files: Map<string, string>;
  is(name: SabotageName): boolean;
}

const settings = {
  ostree: "/usr/lib/ostree/prepare-root.conf",
  composefs: "/usr/lib/composefs/setup-root-conf.toml",
} as const;

/** What the image requires of its files. */
export function requiresVerity({ world }: RootedSystem): boolean {
  return world.backend === "composefs" || /= (?:verity|signed)$/m.test(world.prepareRoot);
}

const inMemory = ({ world }: RootedSystem, group: string): boolean =>
  world.prepareRoot.includes(`[${group}]\ntransient = true`);

/** bootc's alone: the folder has no mount of its own (bootc, `crates/initramfs/src/lib.rs`, `mount_subdir`). */
export const isPartOfRoot = ({ world }: RootedSystem, group: "etc" | "var"): boolean =>
  world.backend === "composefs" &&
  ["none", "root"].some((word) => world.prepareRoot.includes(`[${group}]\nmount = "${word}"`));

const isInRootsMemory = (system: RootedSystem, group: "etc" | "var"): boolean =>
  isPartOfRoot(system, group) && isRootInMemory(system);

export const isEtcInMemory = (system: RootedSystem): boolean =>
  inMemory(system, "etc") || isInRootsMemory(system, "etc") || system.is("etc-forgets");
/** ostree has no setting for it. */
export const isVarInMemory = (system: RootedSystem): boolean =>
  system.world.backend === "composefs" &&
  (inMemory(system, "var") || isInRootsMemory(system, "var"));
export const isRootInMemory = (system: RootedSystem): boolean => inMemory(system, "root");

const isSigned = ({ world }: RootedSystem): boolean => /= signed$/m.test(world.prepareRoot);

/** The image of the booted deployment's root. */
const imageOf = ({ world, booted }: RootedSystem): string =>
  world.backend === "composefs"
    ? `/sysroot/composefs/images/${booted.verity}`
    : `/sysroot/ostree/deploy/default/deploy/${booted.checksum}.0/.ostree.cfs`;

/** True where the initramfs finds that the image of the root is not the one that it was told. */
export function refusesToBoot(system: RootedSystem): boolean {
  const isHeld = system.world.backend === "composefs" || isSigned(system);
  return isHeld && system.files.has(changed(imageOf(system))) && !system.is("image-unchecked");
}

/** Files that an image has for its root; null for any other. */
export function readComposefs(system: RootedSystem, file: string): string | null {
  const { backend, prepareRoot } = system.world;
  if (backend === null) return null;
  if (file === settings[backend]) return prepareRoot;
  if (file === imageOf(system)) return "an image";
  const shipped = shippedAt(backend, file);
  return shipped === null ? null : contentOf(backend, shipped, system.files);
}

/**
 * Whether a file cannot be read, where fs-verity is required: an object that was put in its place does not have the digest that the
 * root's image names, and a changed block of it does not have the one that the file system keeps for the object itself.
 */
export function refusedRead(system: RootedSystem, file: string): boolean {
  const { backend } = system.world;
  const shipped = backend === null ? null : shippedAt(backend, file);
  if (backend === null || shipped === null || !requiresVerity(system)) return false;
  if (system.is("verity-blind")) return false;
  const object = shipped.objects[backend];
  if (system.files.has(changedBlock(object))) return !system.is("blocks-unchecked");
  return file === shipped.path && system.files.has(changed(object));
}

const initramfsOf = ({ world }: RootedSystem, differs: boolean): Buffer => {
  const name = settings[world.backend ?? "ostree"].slice(1);
  const text = differs ? "[sysroot]\nreadonly = true\n" : world.prepareRoot;
  return cpioArchive([{ name, mode: 0o100644, content: text }]);
};

const boolean = (key: string, value: boolean): [string, Buffer] => [
  key,
  Buffer.from([value ? 1 : 0, 0, "b".charCodeAt(0)]),
];

/** A GVariant of the type `a{sv}`, small enough for offsets of one byte. */
function dictionary(entries: readonly (readonly [string, Buffer])[]): Buffer {
  let data = Buffer.alloc(0);
  const ends: number[] = [];
  for (const [key, value] of entries) {
    data = Buffer.concat([data, Buffer.alloc(-data.length & 7)]);
    const name = Buffer.from(`${key}\0`);
    const aligned = Buffer.concat([name, Buffer.alloc(-name.length & 7)]);
    data = Buffer.concat([data, aligned, value, Buffer.from([name.length])]);
    ends.push(data.length);
  }
  return Buffer.concat([data, Buffer.from(ends)]);
}

/** What ostree records of a boot. */
export function bootedRecord(system: RootedSystem): Buffer {
  const isThere = !system.is("no-composefs");
  return dictionary([
    ...(isThere
      ? [boolean("composefs", true), boolean("composefs.verity", requiresVerity(system))]
      : []),
    ...(isSigned(system) ? [["composefs.signed", Buffer.from("/key\0\0s")] as const] : []),
    boolean("root.transient", isRootInMemory(system)),
    boolean("sysroot-ro", true),
  ]);
}

/** Answers the harness's own scripts; null for any other. */
export function composefsScript(text: string, system: RootedSystem): Answer | null {
  if (text === "head -c 65536 /run/ostree-booted | base64")
    return ok(`${bootedRecord(system).toString("base64")}\n`);
  if (text.startsWith("find /sysroot/composefs/objects ")) return objectLike(text);
  if (text.startsWith("ostree ls -R --checksum ")) return ok(listing);
  const ofDisk = diskScript(text, system);
  if (ofDisk !== null) return ofDisk;
  const replaced = /f=\$\(readlink -f '?([^')]+)'?\) && /.exec(text)?.[1];
  if (replaced !== undefined) {
    system.files.set(changed(replaced), "");
    return ok();
  }
  const [, from, count] = /\| tail -c \+(\d+) \| head -c (\d+) \| base64$/.exec(text) ?? [];
  const archive = initramfsOf(system, system.is("initramfs-differs"));
  if (from !== undefined) {
    const start = Number(from) - 1;
    return ok(`${archive.subarray(start, start + Number(count)).toString("base64")}\n`);
  }
  const wanted = /\| grep -aboF (\S+) \| tail -n \d+$/.exec(text)?.[1];
  if (wanted === undefined) return null;
  const at = archive.indexOf(wanted);
  return ok(at < 0 ? "" : `${at}:${wanted}\n`);
}

/** `ostree ls`, `ostree checksum` and `ostree fsck`; null for what they are not asked. */
export function ostreeObjects(args: readonly string[], system: RootedSystem): Answer | null {
  if (args[0] === "ls") return ok(listing);
  if (args[0] === "checksum") {
    const shown = shippedAt("ostree", args[1] ?? "");
    if (shown === null) return bad(1, "error: No such file or directory");
    const isWhole = !system.is("object-damaged") && !isChanged("ostree", shown, system.files);
    return ok(`${isWhole ? shown.checksum : "0".repeat(64)}\n`);
  }
  if (args[0] !== "fsck") return null;
  const commit = system.booted.checksum;
  if (system.is("object-lost"))
    return bad(
      1,
      `Object missing in commits ${commit}: ${shippedFiles[0]?.checksum}.file\nerror: Repository corruption encountered`,
    );
  const damaged =
    shippedFiles.find((file) => isChanged("ostree", file, system.files)) ??
    (system.is("object-damaged") || system.is("object-mislabelled") ? shippedFiles[0] : undefined);
  const words = "Verifying content integrity of 1 commit objects...\n";
  if (damaged === undefined || system.is("fsck-blind"))
    return ok(`${words}object fsck of 1 commits completed successfully - no errors found.\n`);
  const { checksum } = damaged;
  const why = refusedRead(system, damaged.objects.ostree)
    ? "Error reading from file descriptor: Input/output error"
    : `Corrupted file object; checksum expected='${checksum}' actual='${"0".repeat(64)}'`;
  return bad(1, `error: In commits ${commit}: fsck content object ${checksum}: ${why}`);
}
