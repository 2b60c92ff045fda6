/**
 * Options that say nothing of the image that they are given with: those of `bootc install` for an ISO, those of a kickstart for
 * an OCI image. They are refused, and in a matrix their cell is skipped, so that no job is named after what was not done.
 */
import { basename } from "node:path";
import { type Image, type InstallerImage, isLiveMedium } from "../../../images/image.ts";
import { UsageError } from "../../base/errors.ts";
import type { LoadedScenario } from "../../engine/scenario.ts";
import type { Firmware } from "../../machine/machine.ts";
import { whyNotKnown } from "./anaconda-release.ts";
import type { DiskOptions } from "./disk-options.ts";
import { whatInstalls } from "./install-options.ts";
import type { MatrixDisk } from "./matrix-file.ts";

const words = {
  builder: "--builder",
  backend: "--backend",
  bootloader: "--bootloader",
  filesystem: "--filesystem",
  karg: "--karg",
  diskSize: "--disk-size",
  buildMemory: "--build-memory",
  kickstart: "--kickstart",
  kickstartCommand: "--kickstart-command",
  kickstartLayout: "--kickstart-layout",
  kickstartBy: "--kickstart-by",
  installerBoot: "--installer-boot",
  payload: "--payload",
  passphraseFile: "--passphrase-file",
  installStill: "--install-still",
} as const satisfies Partial<Record<keyof DiskOptions, string>>;
type Key = keyof typeof words;

const ofBootc = ["builder", "backend", "bootloader"] as const;
const ofContents = ["filesystem", "karg"] as const;
const ofMaking = ["diskSize", "buildMemory"] as const;
const ofMadeKickstart = ["kickstartCommand", "kickstartLayout"] as const;
const ofIso = [
  "kickstart",
  ...ofMadeKickstart,
  "kickstartBy",
  "installerBoot",
  "payload",
  "installStill",
] as const;

/** How the work is done, and not what comes of it: said of a whole matrix, they are for the images that they fit. */
const ofWork: ReadonlySet<Key> = new Set([
  "builder",
  "diskSize",
  "buildMemory",
  "kickstartBy",
  "passphraseFile",
  "installStill",
]);

/** Why some options cannot be meant for an image. */
interface Misfit {
  readonly keys: readonly Key[];
  /** A whole sentence. */
  readonly why: string;
  readonly toDo?: string;
}

type IsoImage = Image & { readonly installer: InstallerImage };
const isIso = (image: Image): image is IsoImage => image.installer !== undefined;

/** Whether an image is a live medium that installs nothing, so that it is booted as it is. */
export const installsNothing = (image: Image, how: DiskOptions): boolean =>
  isIso(image) &&
  image.disk === null &&
  isLiveMedium(image.installer) &&
  whatInstalls(image, how) === null;

/** Whether disks are made by bootc for other images of the run: those that are named, and those that are derived. */
const buildsOthers = (image: Image, others: readonly Image[]): boolean =>
  image.oci !== null ||
  others.some((other) => other.disk === null && other.installer === undefined);

/** Throws UsageError for options that say nothing of the candidate, and for a `--payload` that is not at hand. Nothing has booted then. */
export function refuseIdleOptions(
  options: DiskOptions,
  image: Image | undefined,
  others: readonly (Image | undefined)[] = [],
): void {
  if (image === undefined) return;
  const named = others.filter((other) => other !== undefined);
  const misfits = misfitsOf(options, image, buildsOthers(image, named));
  if (misfits.length === 0) return;
  throw new UsageError(misfits.map(({ why }) => why).join("\n"), {
    details: { "to do": misfits.find(({ toDo }) => toDo !== undefined)?.toDo },
  });
}

/** What one cell of a matrix is made with, and why it is skipped, or null. */
export function fitCell(
  options: DiskOptions,
  way: MatrixDisk | null,
  image: Image | undefined,
  others: readonly (Image | undefined)[] = [],
): { readonly how: DiskOptions; readonly skip: string | null } {
  const how: DiskOptions = { ...options, ...way?.options };
  if (image === undefined) return { how, skip: null };
  const misfits = misfitsOf(how, image, false);
  // Booted as it is: what is said of installing is for the other images.
  const isAsItIs = image.disk !== null || installsNothing(image, how);
  const isPassedOver = (key: Key) =>
    way?.options[key] === undefined && (isAsItIs || ofWork.has(key));
  const passedOver = new Set<string>(misfits.flatMap(({ keys }) => keys.filter(isPassedOver)));
  // The disks of the previous images are still made by them.
  const named = others.filter((other) => other !== undefined);
  const idle = misfitsOf(how, image, buildsOthers(image, named)).flatMap(({ keys }) => keys);
  const gone = new Set<string>(idle.filter((key) => passedOver.has(key)));
  const whys = misfits
    .filter(({ keys }) => keys.some((key) => !passedOver.has(key)))
    .map(({ why }) => why);
  return {
    how: Object.fromEntries(Object.entries(how).filter(([key]) => !gone.has(key))) as DiskOptions,
    skip:
      whys.length === 0
        ? null
        : `${way === null ? "" : `The way '${way.name}' does not fit: `}${whys.join(" ")}`,
  };
}

/** `builds`: bootc makes disks for other images, which the options about these are for. */
function misfitsOf(options: DiskOptions, image: Image, builds: boolean): readonly Misfit[] {
  const given = (keys: readonly Key[]): Key[] => keys.filter((key) => options[key] !== undefined);
  const idle = (keys: readonly Key[], because: string, toDo?: string): Misfit[] => {
    const found = given(keys);
    if (found.length === 0) return [];
    const named = listed(found.map((key) => words[key]));
    const why = `${because}, so ${named} ${found.length === 1 ? "says" : "say"} nothing of it.`;
    return [{ keys: found, why, ...(toDo === undefined ? {} : { toDo }) }];
  };
  const name = `'${basename(image.name)}'`;
  if (isIso(image)) {
    if (installsNothing(image, options))
      return idle(
        [...ofBootc, ...ofContents, ...ofMaking, ...ofMadeKickstart, "kickstartBy", "installStill"],
        `${name} is a live medium, which installs nothing by itself`,
      );
    const built = builds ? ofBootc.filter((key) => key !== "builder") : ofBootc;
    return [
      ...idle(built, `${name} is an ISO, whose own installer makes the disk`),
      ...byKickstart(image, options, idle),
      ...payloadMisfits(options, image),
      ...releaseMisfits(options, image),
    ];
  }
  if (image.disk !== null)
    return [
      ...idle(ofIso, `'${image.name}' is not an ISO`),
      ...(builds
        ? []
        : idle([...ofBootc, ...ofContents, ...ofMaking], `'${image.name}' has a disk`)),
    ];
  return [
    ...idle(ofIso, `'${image.name}' is not an ISO`),
    ...idle(["passphraseFile"], `'${image.name}' is neither an ISO nor a disk`),
  ];
}

/** What a kickstart that is at hand decides, options do not. */
function byKickstart(
  image: IsoImage,
  options: DiskOptions,
  idle: (keys: readonly Key[], because: string, toDo?: string) => Misfit[],
): Misfit[] {
  const what = whatInstalls(image, options);
  const name = `'${basename(image.name)}'`;
  if (what === "caller")
    return idle(
      [...ofContents, ...ofMadeKickstart],
      `The kickstart that was named decides how ${name} is installed`,
      "say it in the kickstart",
    );
  if (what !== "iso") return [];
  return idle(
    [...ofContents, "kickstartBy"],
    `The ISO ${name} has a kickstart of its own, which decides how it is installed`,
    "add --kickstart-layout automatic: a kickstart is made then, for the image that the ISO carries or that --candidate-oci names",
  );
}

function payloadMisfits({ payload }: DiskOptions, { installer, oci, name }: IsoImage): Misfit[] {
  if (payload === "carried" && !installer.carriesImage)
    return [{ keys: ["payload"], why: `The ISO '${name}' does not carry an image in /container.` }];
  if (payload !== "registry" || oci !== null) return [];
  const why = "--payload registry needs the image that the registry is to serve.";
  const toDo = "name it by --candidate-oci oci:DIR:TAG, or a reference at a registry";
  return [{ keys: ["payload"], why, toDo }];
}

function releaseMisfits(
  { kickstart, kickstartCommand, kickstartLayout }: DiskOptions,
  { installer }: IsoImage,
): Misfit[] {
  const why = whyNotKnown(installer, kickstartCommand, kickstartLayout);
  if (why === null || kickstart !== undefined) return [];
  return [{ keys: ["kickstartCommand"], why, toDo: "say --kickstart-command ostreecontainer" }];
}

const listed = (named: readonly string[]): string =>
  named.length < 2 ? named.join("") : `${named.slice(0, -1).join(", ")} and ${named.at(-1)}`;

/** Throws UsageError for packages of a kernel where no story of the run asks for them. */
export function refuseIdleKernel(
  kernelPackages: string | undefined,
  scenarios: readonly LoadedScenario[],
): void {
  if (kernelPackages === undefined) return;
  if (scenarios.some(({ definition }) => definition.needs.kernelPackages === true)) return;
  throw new UsageError("'--kernel-packages' says nothing to the scenarios that were chosen.", {
    details: { "to do": "leave it out, or choose dnf5/other-kernel or the suite full" },
  });
}

/** Throws UsageError for keys where no machine of the run looks at them. */
export function refuseIdleKeys(
  secureBootKeys: string | undefined,
  firmware: readonly Firmware[],
): void {
  if (secureBootKeys === undefined || firmware.includes("uefi-secure-boot")) return;
  throw new UsageError(
    "'--secure-boot-keys' is for firmware with Secure Boot, and none was asked for.",
    {
      details: { "to do": "say --firmware uefi-secure-boot" },
    },
  );
}
