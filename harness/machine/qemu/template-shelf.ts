/** The shelf of templates: what is kept of each beside its files, and when what it rests on has made it worthless. */
import { z } from "zod";
import { exists } from "../../base/exists.ts";
import { fileStamp } from "../../base/file-stamp.ts";
import { Shelf } from "../../base/shelf.ts";
import { typedWords } from "./deviations.ts";

const templateFacts = z.object({
  version: z.literal(4),
  /** Files outside on which the disks rest, with their `fileStamp`: changed ones make the template worthless. */
  backing: z.array(z.object({ path: z.string(), stamp: z.string() })),
  /** Files of the firmware, which stays outside. */
  code: z.object({ path: z.string(), format: z.enum(["raw", "qcow2"]) }).nullable(),
  varsFormat: z.enum(["raw", "qcow2"]),
  needsSmm: z.boolean(),
  /** File in the folder for each disk; null for a medium that is used where it lies. */
  disks: z.array(z.string().nullable()),
  /** What was typed while it booted. */
  typed: z.array(z.enum(typedWords)),
});
export type TemplateFacts = z.infer<typeof templateFacts>;

export const templateShelf = (cacheDir: string, limitBytes?: number): Shelf<TemplateFacts> =>
  new Shelf({
    cacheDir,
    name: "templates",
    schema: templateFacts,
    isSound,
    ...(limitBytes === undefined ? {} : { limitBytes }),
  });

async function isSound({ backing, code }: TemplateFacts): Promise<boolean> {
  for (const { path, stamp } of backing)
    if ((await fileStamp(path).catch(() => null)) !== stamp) return false;
  return code === null || exists(code.path);
}
