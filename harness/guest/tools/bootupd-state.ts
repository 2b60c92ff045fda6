/**
 * bootupd's memory of what it installed, `/boot/bootupd-state.json`, in the forms that its releases have written, and the packages that
 * a boot loader is made of. Pure. Facts: bootupd 0.3.2, `src/{model,model_legacy,packagesystem,filetree}.rs`.
 */
import { z } from "zod";
import { parseJson } from "../guest-io.ts";

/** A package of a boot loader, by the first word of its name: `grub2`, `shim`. */
export interface LoaderPackage {
  readonly name: string;
  /** Epoch, version and release as they were written. */
  readonly evr: string;
}

/** `evr` was called `rpm_evr` at first, and is read by both names (coreos/bootupd#1130, `src/packagesystem.rs`, Module). */
const loaderPackage = z
  .object({ name: z.string(), evr: z.string().optional(), rpm_evr: z.string().optional() })
  .transform(({ name, evr, rpm_evr }): LoaderPackage => ({ name, evr: evr ?? rpm_evr ?? "" }));

/** What of a component's metadata says which build it is, in its state as in its status; `versions` came in 2025. */
export const contentMetadata = z.object({
  version: z.string(),
  versions: z.array(loaderPackage).nullish(),
});

/** The same with the time that decides what is newer, which the oldest releases wrote without a zone. */
const timed = contentMetadata.extend({ timestamp: z.string() });

const savedState = z.object({
  installed: z.record(
    z.string(),
    z.object({
      meta: timed,
      filetree: z.object({ children: z.record(z.string(), z.unknown()) }).nullish(),
      "adopted-from": timed.nullish(),
    }),
  ),
  pending: z.record(z.string(), timed).nullish(),
  "static-configs": timed.nullish(),
});

/** Who wrote it. `zoneless`: the first format. `named`: packages are told in one line of text. `packages`: each for itself as well. */
export type StateForm = "zoneless" | "named" | "packages";

export interface SavedComponent {
  readonly version: string;
  readonly packages: readonly LoaderPackage[];
  /** Paths below EFI/, sorted; null where its files are not listed, as with BIOS. */
  readonly files: readonly string[] | null;
}

export interface SavedState {
  readonly form: StateForm;
  readonly installed: Readonly<Record<string, SavedComponent>>;
  /** Whether bootupd wrote GRUB's static configuration. */
  readonly hasStaticConfig: boolean;
}

/** RPM's names of the architectures that bootupd is built for. */
const architecture = /\.(?:x86_64|aarch64|riscv64|ppc64le|s390x)$/;

/**
 * `grub2-1:2.12-41.fc44`, or a package's whole name: `grub2-efi-x64-1:2.04-23.fc32.x86_64` as before Fedora 44, `grub2-tools 1:2.12-41.fc44`
 * since bootupd asks a program of the distribution (coreos/bootupd#1130).
 */
function packageOf(text: string): LoaderPackage {
  const [, whole, told] = /^(\S+) (.+)$/.exec(text) ?? [];
  if (whole !== undefined && told !== undefined)
    return { name: whole.split("-")[0] ?? "", evr: told };
  const words = text.replace(architecture, "").split("-");
  const isWhole = architecture.test(text) && words.length > 2;
  const evr = isWhole ? words.slice(-2) : words.slice(1);
  return { name: words[0] ?? "", evr: evr.join("-") };
}

/** The packages that metadata names, in whichever form; each once, by name. */
export function packagesOf({
  version,
  versions,
}: z.output<typeof contentMetadata>): LoaderPackage[] {
  const all = versions ?? version.split(",").map((text) => packageOf(text.trim()));
  const once = new Map(all.map((one) => [`${one.name} ${one.evr}`, one]));
  return [...once.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/** As a line of a report has them: `grub2 1:2.12-41.fc44, shim 15.8-4`. */
export const describePackages = (packages: readonly LoaderPackage[]): string =>
  packages
    .map(({ name, evr }) => `${name} ${evr}`.trim())
    .join(", ")
    .slice(0, 300);

/** `shim/15.8-4/EFI/BOOT/BOOTX64.EFI`, as releases with /usr/lib/efi have it, lies in BOOT/ on the partition. */
export const belowEfi = (path: string): string => path.replace(/^[^/]+\/[^/]+\/EFI\//, "");

/** Reads the file. Throws ExpectationFailed where it is not what bootupd writes. */
export function parseSavedState(text: string, guest: string): SavedState {
  const source = { command: "cat /boot/bootupd-state.json", guest };
  const read = parseJson(savedState, source, text);
  const metas = Object.values(read.installed).map(({ meta }) => meta);
  const isZoneless = metas.some(({ timestamp }) => !/(?:Z|[+-]\d\d:?\d\d)$/.test(timestamp));
  const isNamed = metas.some(({ versions }) => versions == null);
  return {
    form: isZoneless ? "zoneless" : isNamed ? "named" : "packages",
    installed: Object.fromEntries(
      Object.entries(read.installed).map(([name, { meta, filetree }]) => [
        name,
        {
          version: meta.version,
          packages: packagesOf(meta),
          files: filetree == null ? null : Object.keys(filetree.children).map(belowEfi).sort(),
        },
      ]),
    ),
    hasStaticConfig: read["static-configs"] != null,
  };
}

/**
 * The same memory as the first releases wrote it: times in UTC without saying so, no packages, nothing of GRUB's configuration
 * (`model_legacy.rs`, SavedState01, which refuses what it does not know).
 */
export function inOldestForm(text: string, guest: string): string {
  const source = { command: "cat /boot/bootupd-state.json", guest };
  const { installed } = parseJson(savedState, source, text);
  const old = Object.entries(installed).map(([name, { meta, filetree }]) => [
    name,
    {
      meta: {
        timestamp: meta.timestamp.replace(/(?:Z|[+-]\d\d:?\d\d)$/, ""),
        version: meta.version,
      },
      filetree: filetree ?? null,
    },
  ]);
  return JSON.stringify({ installed: Object.fromEntries(old), pending: null });
}
