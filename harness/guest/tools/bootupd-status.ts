/**
 * What bootupd says of a host, to a program and to a person. Pure. Facts: coreos/bootupd, `src/bootupd.rs` (print_status), `src/model.rs`;
 * recorded from 0.2.35.
 */
import { z } from "zod";
import { contentMetadata } from "./bootupd-state.ts";

/** `bootupctl status --json` on a host; in a container its shape is another. */
export const hostStatus = z.object({
  components: z.record(
    z.string(),
    z.object({
      installed: contentMetadata,
      /** No release up to 0.3.2 records one: `update` takes it out of what it writes. */
      interrupted: contentMetadata.nullish(),
      update: contentMetadata.nullish(),
      updatable: z.enum([
        "no-update-available",
        "at-latest-version",
        "upgradable",
        "would-downgrade",
      ]),
    }),
  ),
  adoptable: z.record(z.string(), z.unknown()).default({}),
});

export type BootupdStatus = z.output<typeof hostStatus>;

/** Of the text for a person, the lines about components. */
export const componentLines = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => /^(?:Component | {2}(?:Installed|WARNING|Update): )/.test(line));

const words = {
  "no-update-available": () => "No update found",
  "at-latest-version": () => "At latest version",
  "would-downgrade": () => "Ignoring downgrade",
  upgradable: (version: string) => `Available: ${version}`,
} as const;

/** The lines that say to a person what this says to a program. */
export const linesFor = ({ components }: BootupdStatus): string[] =>
  Object.entries(components).flatMap(([name, { installed, interrupted, update, updatable }]) => [
    `Component ${name}`,
    `  Installed: ${installed.version}`,
    ...(interrupted == null
      ? []
      : [`  WARNING: Previous update to ${interrupted.version} was interrupted`]),
    `  Update: ${words[updatable](update?.version ?? "")}`,
  ]);
