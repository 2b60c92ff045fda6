/**
 * The disk that an installer ISO installs: made once in a run, and new in each, since the installation itself is what is
 * judged. It differs by firmware, because an installer puts a boot loader on the disk for the one that it was started by.
 */
import { createHash } from "node:crypto";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  type DiskImage,
  type Image,
  type InstallerFamily,
  type InstallerImage,
  serialWord,
} from "../../images/image.ts";
import { inspectDisk } from "../../images/inspect/disk.ts";
import { readOciImage } from "../../images/origins/oci-layout.ts";
import { type Deviation, deviation } from "../base/deviations.ts";
import { ExpectationFailed, UsageError } from "../base/errors.ts";
import { hashFile } from "../base/hash-file.ts";
import type { Secret } from "../base/secrets.ts";
import { formatDuration } from "../base/units.ts";
import { createWorkspace, type Workspace } from "../base/workspace.ts";
import type { Firmware, MachineDriver, MachineSpec } from "../machine/machine.ts";
import { guestCpus, speedOf } from "../machine/profile.ts";
import { importMs, packedBytesOf } from "./build/import-time.ts";
import type { KickstartAuthor } from "./install/installer-failed.ts";
import {
  type InstallerBoot,
  installerSpec,
  type KickstartWay,
} from "./install/installer-machine.ts";
import { stageLimitsMs } from "./install/installer-stages.ts";
import { type InstallResult, runInstaller } from "./install/run-installer.ts";
import { registryOf, type ServedPayload } from "./install/served-payload.ts";
import type { MakeOptions, State } from "./state.ts";

/** What an installation is told. */
export interface Kickstart {
  /** null: the ISO's own is used. */
  readonly text: string | null;
  readonly author: KickstartAuthor;
  /** How the installer gets it. Default: on a volume. */
  readonly way?: KickstartWay | undefined;
  /** Of the disk that it encrypts. */
  readonly passphrase?: Secret | undefined;
  /** True where it takes the image from the harness's registry, as `servedName`. */
  readonly served?: boolean | undefined;
}

/** What the harness's registry calls the image that an installer is to fetch. */
export const servedName = "os:stable";

type IsoImage = Image & { readonly installer: InstallerImage };

export interface InstallsOptions {
  readonly driver: MachineDriver;
  readonly sizeMiB: number;
  readonly memoryMiB: number;
  readonly network: MachineSpec["network"];
  /** How installers are started. Default: directly. */
  readonly boot?: InstallerBoot | undefined;
  /** How long an installation may stand still, milliseconds; undefined: as the host's slowness allows. */
  readonly stillMs?: number | undefined;
  /** Equal for equal ways of installing: a run may install one ISO in several. */
  readonly identity: string;
  /** The kickstart for an ISO. Throws UsageError where there is none to give. */
  readonly kickstart: (image: IsoImage) => Promise<Kickstart>;
  /** Serves the image under `servedName` to one installer. */
  readonly serve: (image: Image) => Promise<ServedPayload>;
}

type Installed = DiskImage & { readonly installSeconds: number };

/** The disks that a run installs. Disposing removes them. */
export class Installs implements AsyncDisposable {
  readonly #options: InstallsOptions;
  readonly #made = new Map<string, Installed>();
  #workspace: Promise<Workspace> | null = null;

  constructor(options: InstallsOptions) {
    this.#options = options;
  }

  /** The state that installs an ISO's disk; null for an image that is not one. */
  async stateOf(image: Image, firmware: Firmware): Promise<State | null> {
    const { installer } = image;
    if (image.disk !== null || installer === undefined) return null;
    const { driver } = this.#options;
    const iso = { ...image, installer };
    const key = this.#keyOf(iso, firmware);
    const limits = Object.values(stageLimitsMs).reduce((sum, one) => sum + one, 0);
    return {
      key,
      title: `the disk installed from ${image.name} (${firmware})`,
      name: "installed",
      isNeeded: true,
      cost: driver.cost(this.#specOf(image, installer, firmware)),
      // Each stage has a limit of its own; this one is for what no stage sees.
      limitMs:
        (limits + importMs(await payloadBytesOf(iso))) *
        speedOf(driver, image.architecture).timeScale,
      isMade: async () => this.#made.has(key),
      // Of this run alone, which makes each state once.
      lock: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
      make: (how) => this.#make({ key, image: iso, firmware }, how),
    };
  }

  /** The image with its disk. Throws TypeError where its state was not made. */
  async withDisk(image: Image, firmware: Firmware): Promise<Image & { readonly disk: DiskImage }> {
    const { disk, installer } = image;
    if (disk !== null) return { ...image, disk };
    const made = installer && this.#made.get(this.#keyOf({ ...image, installer }, firmware));
    if (made === undefined) throw new TypeError(`The disk of '${image.name}' was not installed.`);
    return { ...image, disk: made };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#made.clear();
    await (await this.#workspace?.catch(() => null))?.[Symbol.asyncDispose]();
  }

  #keyOf({ digest: installs, installer: { digest } }: IsoImage, firmware: Firmware): string {
    const { identity } = this.#options;
    return createHash("sha256")
      .update(JSON.stringify(["installed", digest, installs, firmware, identity]))
      .digest("hex");
  }

  #specOf({ architecture }: Image, installer: InstallerImage, firmware: Firmware): MachineSpec {
    const { memoryMiB, network } = this.#options;
    const parts = { direct: null, kickstart: "", way: null, target: "", logFile: "" };
    const hardware = { architecture, firmware, memoryMiB, cpus: guestCpus, network };
    return installerSpec({ installer, ...parts, ...hardware, forwards: [] });
  }

  async #make(
    {
      key,
      image,
      firmware,
    }: { readonly key: string; readonly image: IsoImage; readonly firmware: Firmware },
    how: MakeOptions,
  ): Promise<null> {
    const { driver, kickstart: choose, serve, ...given } = this.#options;
    const { name, architecture, installer } = image;
    const { text, author, way, served, passphrase } = await choose(image);
    this.#workspace ??= createWorkspace("installed");
    const folder = join((await this.#workspace).path, key.slice(0, 16));
    const scratch = join(folder, "scratch");
    await mkdir(scratch, { recursive: true });
    const target = join(folder, "disk.qcow2");
    try {
      await using payload = served === true ? await serve(image) : null;
      const payloadBytes = await payloadBytesOf(image);
      const request = {
        name,
        installer,
        payloadBytes,
        ...{ architecture, firmware, scratch, target },
        ...given,
      };
      const { durationMs, typed } = await runInstaller(
        driver,
        { ...request, kickstart: text, author, way, payload },
        how,
      );
      await rm(scratch, { recursive: true });
      this.#made.set(key, {
        ...(await lookAt(target, name, how.signal)),
        installSeconds: durationMs / 1000,
        passphrase,
        // How a kickstart of somebody else's encrypts only its author knows.
        passphraseUntold: author !== "harness" && passphrase === undefined,
        deviations: deviationsOf(image, { author, way }, { durationMs, typed, payload }),
      });
      return null;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

/** What an installer brings onto the disk at most: its own medium, and the image that it fetches from the harness. */
async function payloadBytesOf({ installer, oci }: IsoImage): Promise<number> {
  const medium = await stat(installer.path).then(
    ({ size }) => size,
    () => 0,
  );
  return oci === null ? medium : medium + packedBytesOf(await readOciImage(oci.layout, oci.tag));
}

/** An installer that says it is done and leaves no disk that could boot has failed. */
async function lookAt(path: string, name: string, signal: AbortSignal): Promise<DiskImage> {
  try {
    const { format, sectorBytes, stamp } = await inspectDisk(path, { signal });
    return { path, format, sectorBytes, stamp, digest: await hashFile(path, signal) };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new ExpectationFailed(
      `The installer of '${name}' ended well, and left a disk that cannot be booted.`,
      {
        cause: error,
        details: { why: error.headline },
      },
    );
  }
}

const whose: Readonly<Record<KickstartAuthor, string>> = {
  harness: "a kickstart of the harness",
  caller: "the kickstart that was named",
  iso: "the kickstart of the ISO itself",
};
const answers: Readonly<Record<InstallerFamily, string>> = {
  anaconda: "kickstart",
  "debian-installer": "preseed",
};

const startedDirectly = "its kernel was started directly, past the boot loader of the ISO";
const startedByLoader = ({ entry, usual, words }: NonNullable<InstallResult["typed"]>): string =>
  `the ISO's own boot loader started '${entry}'${entry === usual ? "" : `, which is not its default ('${usual}'),`} with words typed behind its own: ${words.join(" ")}`;

const deviationsOf = (
  { installer: { family }, architecture }: IsoImage,
  { author, way }: Pick<Kickstart, "author" | "way">,
  {
    durationMs,
    typed,
    payload,
  }: Pick<InstallResult, "durationMs" | "typed"> & {
    readonly payload: ServedPayload | null;
  },
): Deviation[] => [
  deviation(
    "installed",
    `${whose[author].replace("kickstart", answers[family])}${way === "http" ? ", fetched over HTTP," : ""}`,
    formatDuration(durationMs),
    typed === null ? startedDirectly : startedByLoader(typed),
  ),
  ...(family === "debian-installer" ? [deviation("disk-arguments", serialWord(architecture))] : []),
  ...(payload !== null && author === "harness"
    ? [deviation("installer-registry", registryOf(payload))]
    : []),
];
