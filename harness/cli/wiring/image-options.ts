/** Options that name images, and how registries are reached, which several commands share; and the commands of `images`. */
import { type Command, Option } from "commander";
import type { RegistryAccess } from "../../../images/origins/skopeo.ts";
import { duration, sizeInBytes } from "../terminal/option-values.ts";

/** What the command line says of registries, as commander gives it. */
export interface RegistryOptions {
  readonly authfile?: string;
  readonly certDir?: string;
  readonly tlsVerify?: "true" | "false";
}

/** `--candidate` and its kin. */
export function addImageOptions(command: Command): Command {
  return addRegistryOptions(
    command
      .option(
        "--candidate <image>",
        "the image under test: a catalogue name, a disk file, a reference at a registry, oci:DIR:TAG, oci-archive:FILE …",
      )
      .option(
        "--candidate-oci <image>",
        "the OCI image that the disk of --candidate was installed from",
      )
      .option("--previous <image>", "the image that users have today")
      .option("--previous-oci <image>", "the same for the disk of --previous")
      .option("--catalogue <file>", "a catalogue of images besides the built-in one"),
  );
}

/** `--authfile`, `--cert-dir` and `--tls-verify`, as podman and skopeo have them. */
export function addRegistryOptions(command: Command): Command {
  return command
    .option("--authfile <file>", "credentials for registries, instead of podman's and docker's")
    .option("--cert-dir <dir>", "ca.crt, and client.cert and client.key, for registries")
    .addOption(
      new Option(
        "--tls-verify <bool>",
        "false: registries without TLS, or whose certificate nobody trusts",
      ).choices(["true", "false"]),
    );
}

/** The same as what reads registries takes it. */
export const accessOf = ({ authfile, certDir, tlsVerify }: RegistryOptions): RegistryAccess => ({
  ...(authfile === undefined ? {} : { authFile: authfile }),
  ...(certDir === undefined ? {} : { certDir }),
  ...(tlsVerify === "false" ? { tlsVerify: false } : {}),
});

/** The words that say the same again. */
export const registryWords = (options: RegistryOptions): [string, string | undefined][] => [
  ["--authfile", options.authfile],
  ["--cert-dir", options.certDir],
  ["--tls-verify", options.tlsVerify],
];

const ownCatalogue = ["--catalogue <file>", "a catalogue besides the built-in one"] as const;

/** `bootgate images …`. */
export function addImagesCommand(program: Command): void {
  const images = program
    .command("images")
    .description("the catalogue of images, and the store of those from elsewhere");
  images
    .command("list")
    .description("what can be named, and what the store holds")
    .option(...ownCatalogue)
    .option("--json", "as JSON")
    .action(async (options) => (await import("../commands/images-command.ts")).listImages(options));
  images
    .command("build [names...]")
    .description("build images of the catalogue that are built here")
    .action(async (names) => (await import("../commands/images-command.ts")).buildImages(names));
  addRegistryOptions(images.command("pull <images...>"))
    .description("fetch images now, so that no run waits for them")
    .option(...ownCatalogue)
    .action(async (names, options) =>
      (await import("../commands/images-command.ts")).pullImages(names, options),
    );
  addRegistryOptions(images.command("inspect <image>"))
    .description("what an image is: digest, architecture, labels, layers")
    .option(...ownCatalogue)
    .option("--json", "as JSON")
    .action(async (image, options) =>
      (await import("../commands/images-command.ts")).inspectImage(image, options),
    );
  images
    .command("prune")
    .description("remove from the store what a killed pull left and what is over its limit")
    .option("--all", "every image that no running bootgate uses")
    .option("--older-than <time>", "images that were not used for so long", duration)
    .option("--limit <size>", "images above this size together, such as 20GiB", sizeInBytes)
    .action(async (options) =>
      (await import("../commands/images-command.ts")).pruneImages(options),
    );
}
