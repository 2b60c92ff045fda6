/** Options about installations from an ISO, and the kickstart that an installer gets. */
import { basename } from "node:path";
import { type Command, Option } from "commander";
import {
  type KickstartCommand,
  type KickstartLayout,
  kickstartCommands,
  kickstartLayouts,
  renderKickstart,
} from "../../../fixtures/kickstart.ts";
import {
  consoleWords,
  type Image,
  type InstallerFamily,
  type InstallerImage,
  isLiveMedium,
} from "../../../images/image.ts";
import { UsageError } from "../../base/errors.ts";
import { readSmallFile } from "../../config/read-small-file.ts";
import type { ServiceAddress } from "../../machine/machine.ts";
import type { RecipeWish } from "../../states/build/recipe.ts";
import {
  type InstallerBoot,
  installerBoots,
  type KickstartWay,
  kickstartWays,
  usualWays,
} from "../../states/install/installer-machine.ts";
import { type Kickstart, servedName } from "../../states/installed-disk.ts";
import { duration } from "../terminal/option-values.ts";
import { newPassphrase, readPassphrase } from "./passphrase.ts";

/** What a kickstart that is made installs: the image on the ISO, or the one of `--candidate-oci` from the harness's registry. */
export const payloads = ["carried", "registry"] as const;
export type Payload = (typeof payloads)[number];

/** As commander gives them; what is absent is the default. */
export interface InstallOptions {
  readonly kickstart?: string;
  readonly kickstartCommand?: KickstartCommand;
  readonly kickstartLayout?: KickstartLayout;
  readonly kickstartBy?: KickstartWay;
  readonly installerBoot?: InstallerBoot;
  /** A file. */
  readonly passphraseFile?: string;
  readonly payload?: Payload;
  /** Milliseconds. */
  readonly installStill?: number;
}

/** `--kickstart` and its kin. */
export const addInstallOptions = (command: Command): Command =>
  command
    .option("--kickstart <file>", "what an installer ISO is told, instead of what it would be")
    .addOption(
      new Option(
        "--kickstart-command <name>",
        "of a kickstart that is made, for an ISO that carries its image",
      ).choices(kickstartCommands),
    )
    .addOption(
      new Option("--kickstart-layout <name>", "of the disk, in a kickstart that is made").choices(
        kickstartLayouts,
      ),
    )
    .addOption(
      new Option(
        "--kickstart-by <way>",
        "on a volume named OEMDRV (the default), or over HTTP",
      ).choices(kickstartWays),
    )
    .addOption(
      new Option(
        "--installer-boot <how>",
        "an installer ISO's kernel directly (the default), or its own boot loader with keys typed on serial",
      ).choices(installerBoots),
    )
    .addOption(
      new Option(
        "--payload <where>",
        "what an installer ISO installs: the image that it carries (the default where it does), or --candidate-oci from the harness's registry",
      ).choices(payloads),
    )
    .option(
      "--passphrase-file <file>",
      "passphrase of a disk that the kickstart encrypts, typed at each boot; else one is made for --kickstart-layout luks",
    )
    .option(
      "--install-still <duration>",
      "how long an installer may neither write nor say anything; else as emulation allows",
      duration,
    );

/** How a boot entry names a kickstart: `inst.ks=`, `ks=` in old releases (Anaconda's boot options); a preseed: `url=`, `file=`. */
export const kickstartWord = /^(?:(?:inst\.)?ks|(?:preseed\/)?(?:url|file))=/;

/** Where osbuild's installers carry their image, and where Anaconda mounts its medium (osbuild/images, pkg/manifest). */
const carried = { transport: "oci", name: "/run/install/repo/container" } as const;
const maxKickstartBytes = 1024 * 1024;

const line =
  /^[ \t]*[a-z0-9][a-z0-9.+-]*[ \t]+[\w.-]+\/[\w./-]+[ \t]+(?:string|boolean|select|multiselect|note|password|text|error)\b/m;

/** Whether a file answers Debian's installer (installation guide, B.3: owner, question, type, value) and not Anaconda. */
export const isPreseed = (text: string): boolean => line.test(text) && !/^%[a-z]+/m.test(text);

const wrongAnswers = (file: string, family: InstallerFamily): UsageError =>
  family === "debian-installer"
    ? new UsageError(`The ISO is Debian's installer, and '${file}' is not a preseed.`)
    : new UsageError(
        `The ISO's installer reads kickstarts, and '${file}' is a preseed of Debian's.`,
      );

/** The text of a kickstart that somebody names. Throws UsageError for a file that is not there or too large. */
export async function readKickstart(file: string): Promise<string> {
  const limits = { what: "kickstart", maxBytes: maxKickstartBytes };
  return (await readSmallFile(file, limits)).toString("utf8");
}

/** An ISO, as `installs` images have one. */
type IsoImage = Pick<Image, "name" | "oci" | "follows" | "architecture"> & {
  readonly installer: InstallerImage;
};

/** Who says what is installed: a kickstart that is at hand, or what one is made for; null: nobody does. */
export function whatInstalls(
  { installer, oci }: Pick<IsoImage, "installer" | "oci">,
  options: InstallOptions,
): "caller" | "iso" | Payload | null {
  const { kickstart, kickstartCommand, kickstartLayout, payload } = options;
  if (kickstart !== undefined) return "caller";
  const asked = [kickstartCommand, kickstartLayout, payload].some((one) => one !== undefined);
  if (!asked && installer.arguments.some((word) => kickstartWord.test(word))) return "iso";
  // A kickstart says nothing to Debian's installer.
  const isServed = oci !== null && installer.family === "anaconda";
  if (payload !== "registry" && installer.carriesImage) return "carried";
  return payload !== "carried" && isServed ? "registry" : null;
}

/** A live medium starts a session; any other installer has to be told what to install. */
function nothingToInstall({ name, installer }: IsoImage): UsageError {
  const { label } = installer;
  if (isLiveMedium(installer))
    return new UsageError(
      `The ISO '${basename(name)}' is a live medium, which installs nothing by itself.`,
      {
        details: {
          label,
          "seen by":
            "the words of its boot entry; it carries no kickstart and no image in /container",
          "to do":
            "play live/session on it (run live --candidate ISO), or give the installer ISO of the same release, or its disk image",
        },
      },
    );
  return new UsageError(`Nobody says what the installer '${basename(name)}' is to install.`, {
    details: {
      label,
      why: "it carries neither a kickstart nor an image in /container",
      "to do": "name a kickstart by --kickstart FILE, or the image to install by --candidate-oci",
    },
  });
}

/** The kickstart for an ISO: the file that was named, else the ISO's own, else one for the image that is to be installed. */
export async function kickstartFor(
  image: IsoImage,
  options: InstallOptions & { readonly wish: RecipeWish; readonly registry: ServiceAddress },
): Promise<Kickstart> {
  const { family } = image.installer;
  const { kickstart: file, kickstartCommand, kickstartLayout, payload, wish } = options;
  const way = options.kickstartBy ?? usualWays[family];
  if (family === "debian-installer" && way !== "http")
    throw new UsageError(
      "Debian's installer reads its preseed over HTTP or from a medium, not from OEMDRV.",
      {
        details: { "to do": "leave out --kickstart-by" },
      },
    );
  if (family === "debian-installer" && options.installerBoot === "loader")
    throw new UsageError(
      "Debian's installer is started directly only: its boot menus are not on a serial port.",
      {
        details: { "to do": "leave out --installer-boot" },
      },
    );
  const passphrase =
    options.passphraseFile === undefined ? undefined : await readPassphrase(options.passphraseFile);
  if (file !== undefined) {
    const text = await readKickstart(file);
    if (isPreseed(text) !== (family === "debian-installer")) throw wrongAnswers(file, family);
    return { text, author: "caller", way, served: payload === "registry", passphrase };
  }
  const what = whatInstalls(image, options);
  if (what === "iso") return { text: null, author: "iso", passphrase };
  if (what !== "carried" && what !== "registry") throw nothingToInstall(image);
  const registry = `${options.registry.address}:${options.registry.port}`;
  const served = what === "registry";
  const layout = kickstartLayout ?? "automatic";
  if (passphrase !== undefined && layout !== "luks")
    throw new UsageError("Nothing on the disk is encrypted, so it has no passphrase.", {
      details: { "to do": "use --kickstart-layout luks, or leave out --passphrase-file" },
    });
  const secret = layout === "luks" ? (passphrase ?? newPassphrase()) : undefined;
  const text = renderKickstart({
    layout,
    command: kickstartCommand ?? "ostreecontainer",
    filesystem: wish.filesystem ?? "ext4",
    source: served ? { transport: "registry", name: `${registry}/${servedName}` } : carried,
    ...(served ? { insecureRegistry: registry } : {}),
    follows: image.follows ?? `${registry}/${servedName}`,
    kernelArguments: wish.kernelArguments ?? consoleWords(image.architecture),
    passphrase: secret?.reveal(),
    end: "reboot",
  });
  return { text, author: "harness", way, served, passphrase: secret };
}

/** The words that ask for the same installation again. */
export const installWords = (options: InstallOptions): [string, readonly string[] | undefined][] =>
  (
    [
      ["--kickstart", options.kickstart],
      ["--kickstart-command", options.kickstartCommand],
      ["--kickstart-layout", options.kickstartLayout],
      ["--kickstart-by", options.kickstartBy],
      ["--installer-boot", options.installerBoot],
      ["--passphrase-file", options.passphraseFile],
      ["--payload", options.payload],
      [
        "--install-still",
        options.installStill === undefined ? undefined : `${options.installStill / 1000}s`,
      ],
    ] as const
  ).map(([word, value]) => [word, value === undefined ? undefined : [value]]);
