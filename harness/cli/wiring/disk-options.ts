/** Options about the disks that are made of OCI images, and what makes them. */
import { type Command, Option } from "commander";
import { consoleWords, type Image, serialWord } from "../../../images/image.ts";
import { cacheRoot } from "../../base/workspace.ts";
import type { DiskSource } from "../../engine/boot.ts";
import type { MachineDriver, ServiceAddress } from "../../machine/machine.ts";
import { type BuilderName, builderNames, type DiskBuilder } from "../../states/build/builder.ts";
import { createHostBuilder } from "../../states/build/host-builder.ts";
import { createImageBuilder } from "../../states/build/image-builder.ts";
import { createPodmanBuilder } from "../../states/build/podman-builder.ts";
import {
  backends,
  bootLoaders,
  defaultRecipe,
  fileSystems,
  leastDiskMiB,
  type RecipeWish,
} from "../../states/build/recipe.ts";
import { createVmBuilder, type VmBuilderOptions } from "../../states/build/vm-builder.ts";
import { Disks } from "../../states/built-disk.ts";
import type { ServedPayload } from "../../states/install/served-payload.ts";
import { Installs } from "../../states/installed-disk.ts";
import { diskMiB, wholeNumber } from "../terminal/option-values.ts";
import {
  addInstallOptions,
  type InstallOptions,
  installWords,
  kickstartFor,
} from "./install-options.ts";

/** As commander gives them; what is absent is the default. */
export interface DiskOptions extends InstallOptions {
  readonly network?: "closed" | "open";
  readonly builder?: BuilderName;
  readonly filesystem?: NonNullable<RecipeWish["filesystem"]>;
  readonly backend?: RecipeWish["backend"];
  readonly bootloader?: NonNullable<RecipeWish["bootloader"]>;
  readonly karg?: readonly string[];
  readonly diskSize?: number;
  readonly buildMemory?: number;
}

/** Memory of the machine that installs. `bootc install` of a real image is asked to have 2 GiB; its changes to its own root are in memory too. */
const buildMemoryMiB = 3072;

/** Options of every command that may have to make a disk. */
export const addDiskOptions = (command: Command): Command =>
  addInstallOptions(command)
    .addOption(
      new Option(
        "--builder <name>",
        "what makes a disk of an image that has none; else vm; the others run its programs on this host as root",
      ).choices(builderNames),
    )
    .addOption(
      new Option("--filesystem <kind>", "of a disk that is made; else the image's own").choices(
        fileSystems,
      ),
    )
    .addOption(new Option("--backend <kind>", "of bootc, on a disk that is made").choices(backends))
    .addOption(
      new Option("--bootloader <kind>", "on a disk that is made; else what bootc takes").choices(
        bootLoaders,
      ),
    )
    .option(
      "--karg <arguments...>",
      `kernel arguments for a disk that is made, instead of ${consoleWords("x86_64").join(" ")}, or ${serialWord("aarch64")} for aarch64`,
    )
    .option("--disk-size <MiB>", "size of a disk that is made, from 1024", diskMiB)
    .option("--build-memory <MiB>", "memory of the machine that makes a disk", wholeNumber);

const wishOf = (options: DiskOptions): RecipeWish => ({
  filesystem: options.filesystem ?? defaultRecipe.filesystem,
  backend: options.backend ?? defaultRecipe.backend,
  bootloader: options.bootloader ?? defaultRecipe.bootloader,
  kernelArguments: options.karg ?? defaultRecipe.kernelArguments,
  sizeMiB: options.diskSize ?? defaultRecipe.sizeMiB,
});

/** Whether machines of these kinds can make a disk of an image that has none: a helper machine runs the image's kernel. */
export const canMakeDisks = (kinds: readonly string[]): boolean =>
  kinds.some((kind) => ["qemu", "libvirt", "board"].includes(kind));

/** Builders that work on the host itself. */
const onHost = {
  podman: createPodmanBuilder,
  host: createHostBuilder,
  "bootc-image-builder": createImageBuilder,
} as const;

function builderOf(name: BuilderName, options: VmBuilderOptions): DiskBuilder {
  return name === "vm" ? createVmBuilder(options) : onHost[name]();
}

/** Throws UsageError where the builder that was named cannot work on this host: nothing of the run has begun then. */
export async function requireBuilder({ builder = "vm" }: DiskOptions): Promise<void> {
  if (builder === "vm") return;
  const why = await onHost[builder]().refuse();
  if (why !== null) throw why;
}

/** Makes disks, and lets go of them when it is disposed. */
export type DiskMaker = DiskSource & AsyncDisposable;

/** What makes disks in this run; undefined where no driver here can run a helper machine. */
export function openDisks(
  options: DiskOptions,
  driver: MachineDriver | undefined,
  serve: (image: Image, guests: ServiceAddress) => Promise<ServedPayload>,
): DiskMaker | undefined {
  // Disks are made to be booted where the harness's registry can be reached: they follow it.
  if (driver === undefined || driver.registry === null) return undefined;
  const memoryMiB = options.buildMemory ?? buildMemoryMiB;
  const [wish, registry] = [wishOf(options), driver.registry];
  const builder = builderOf(options.builder ?? "vm", { driver, memoryMiB });
  const built = new Disks({ cacheDir: cacheRoot(), builder, wish, registry });
  const installed = new Installs({
    driver,
    memoryMiB,
    sizeMiB: wish.sizeMiB ?? leastDiskMiB,
    identity: JSON.stringify([options, wish]),
    network: options.network ?? "closed",
    stillMs: options.installStill,
    boot: options.installerBoot,
    kickstart: (image) => kickstartFor(image, { ...options, wish, registry }),
    serve: (image) => serve(image, registry),
  });
  return {
    boot: options.installerBoot,
    stateOf: async (image, firmware) =>
      (await installed.stateOf(image, firmware)) ?? built.stateOf(image),
    withDisk: (image, firmware) =>
      image.installer === undefined ? built.withDisk(image) : installed.withDisk(image, firmware),
    async [Symbol.asyncDispose]() {
      await installed[Symbol.asyncDispose]();
      await built[Symbol.asyncDispose]();
    },
  };
}

/** The words that ask for the same disks again. */
export function diskWords(options: DiskOptions): string[] {
  const words: [string, readonly string[] | undefined][] = [
    ["--builder", options.builder === undefined ? undefined : [options.builder]],
    ["--filesystem", options.filesystem === undefined ? undefined : [options.filesystem]],
    ["--backend", options.backend === undefined ? undefined : [options.backend]],
    ["--bootloader", options.bootloader === undefined ? undefined : [options.bootloader]],
    ["--karg", options.karg],
    ["--disk-size", options.diskSize === undefined ? undefined : [`${options.diskSize}`]],
    ["--build-memory", options.buildMemory === undefined ? undefined : [`${options.buildMemory}`]],
    ...installWords(options),
  ];
  return words.flatMap(([word, values]) => (values === undefined ? [] : [word, ...values]));
}
