/** How the image comes to the board, as `boards.yaml` can say it. */
import { z } from "zod";
import { parseBytes } from "../../base/units.ts";
import { command } from "./config-words.ts";

const bytes = z
  .string()
  .refine((text) => parseBytes(text) !== null, "expected a size such as 16GiB")
  .transform((text) => parseBytes(text) ?? 0);

const size = z
  .strictObject({ least: bytes, most: bytes })
  .refine(({ least, most }) => least <= most, "'least' is larger than 'most'")
  .describe("Between which sizes the card lies. A device outside of them is never written");

const byId = z
  .string()
  .regex(
    /^\/dev\/disk\/by-(?:id|path)\/[^/]+$/,
    "expected a path below /dev/disk/by-id: a name such as /dev/sdb is another disk after a restart",
  )
  .describe("The card in its reader, by an address that does not move to another disk");

const card = { device: byId, size };

const byPerson = z
  .strictObject({ by: z.literal("person"), ...card })
  .describe("Somebody moves the card between the reader of this host and the board");

const byMux = z
  .strictObject({
    by: z.literal("mux"),
    toHost: command.describe("Connects the card to this host"),
    toBoard: command.describe("Connects the card to the board"),
    ...card,
  })
  .describe("A switch for the card: USB-SD-Mux, SDWire");

const byCommand = z
  .strictObject({
    by: z.literal("command"),
    write: command.describe("Writes the image; '{image}' stands for its file, '{bytes}' its size"),
  })
  .describe("A program of your own that brings the image to the board");

const byLabgrid = z
  .strictObject({ by: z.literal("labgrid") })
  .describe("The card or stick of the board's labgrid place, which labgrid itself writes");

export const storageSchema = z.discriminatedUnion("by", [byPerson, byMux, byCommand, byLabgrid]);

export type StorageConfig = z.output<typeof storageSchema>;
