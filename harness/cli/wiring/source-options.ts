/** Options that say where images come from beside their names: checksums, keys, and what is made of the candidate. */
import type { Command } from "commander";

/** Adds them to a command that has `--candidate` and `--previous`. */
export const addSourceOptions = (command: Command): Command =>
  command
    .option(
      "--matrix <what>",
      "many images in one run, instead of --candidate: catalogue:GROUP, or a YAML file of images, machines and disks",
    )
    .option(
      "--candidate-checksum <what>",
      "what its disk file has to be: sha256:…, a CHECKSUM file that lists it, or that file's URL",
    )
    .option("--previous-checksum <what>", "the same for the disk file of --previous")
    .option("--keyring <file>", "OpenPGP keys that must have signed the CHECKSUM files")
    .option(
      "--no-derive",
      "skip what needs an image that was not named, instead of deriving it from the candidate",
    );
