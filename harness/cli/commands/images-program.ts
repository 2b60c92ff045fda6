/** The words of `bootgate images …`; what they do is loaded when it is asked for. */
import type { Command } from "commander";
import type { ExitCode } from "../../base/exit-code.ts";
import { duration, sizeInBytes } from "../terminal/option-values.ts";
import { addRegistryOptions } from "../wiring/image-options.ts";
import { addArchitectureOption } from "../wiring/machine-options.ts";

const ownCatalogue = ["--catalogue <file>", "a catalogue besides the built-in one"] as const;

/** `bootgate images …`; `setExit` is told the exit code of what can end with several. */
export function addImagesCommand(program: Command, setExit: (code: ExitCode) => void): void {
  const images = program
    .command("images")
    .description("the catalogue of images, and the store of those from elsewhere");
  images
    .command("list")
    .description("what can be named, and what the store holds")
    .option(...ownCatalogue)
    .option("--json", "as JSON")
    .action(async (options) => (await import("./images-command.ts")).listImages(options));
  images
    .command("build [names...]")
    .description("build images of the catalogue that are built here")
    .action(async (names) =>
      setExit(await (await import("./images-command.ts")).buildImages(names)),
    );
  addArchitectureOption(addRegistryOptions(images.command("pull <images...>")))
    .description(
      "fetch images now, so that no run waits for them; catalogue:GROUP is all of a group",
    )
    .option(...ownCatalogue)
    .action(async (names, options) =>
      setExit(await (await import("./images-command.ts")).pullImages(names, options)),
    );
  addArchitectureOption(addRegistryOptions(images.command("inspect <image>")))
    .description("what an image is: digest, architecture, labels, layers")
    .option(...ownCatalogue)
    .option("--json", "as JSON")
    .action(async (image, options) =>
      (await import("./images-command.ts")).inspectImage(image, options),
    );
  images
    .command("prune")
    .description("remove what a killed run left of images and states, and what is over their limit")
    .option("--all", "every image and every state that no running bootgate uses")
    .option("--older-than <time>", "what was not used for so long", duration)
    .option(
      "--limit <size>",
      "what images and states have above this size together, such as 20GiB",
      sizeInBytes,
    )
    .action(async (options) => (await import("./prune-command.ts")).pruneImages(options));
}
