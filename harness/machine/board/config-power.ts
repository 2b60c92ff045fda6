/** The power switches that `boards.yaml` can name. */
import { z } from "zod";
import { command, hostName } from "./config-words.ts";

/** An address with a password in it would stand in logs, reports and the history of the file. */
const url = z
  .string()
  .max(2000)
  .regex(/^https?:\/\//, "expected an address that begins with http:// or https://")
  .refine(
    (text) => !/^https?:\/\/[^/?#]*@/.test(text),
    "the user and the password do not belong into the address: use 'user' and 'passwordFile'",
  );

const login = {
  user: z.string().min(1).max(200).optional(),
  passwordFile: z
    .string()
    .min(1)
    .optional()
    .describe("A file with the password alone; its path starts from the folder of this file"),
};

const byCommand = z
  .strictObject({
    by: z.literal("command"),
    on: command,
    off: command,
    cycle: command
      .optional()
      .describe("Used where nothing tells that power was off: without a state and a console"),
    state: command.optional().describe("Prints 'on' or 'off'; read back after each act"),
  })
  .describe("Programs of your own: a relay, a PDU, a switch with PoE");

const byHttp = z
  .strictObject({
    by: z.literal("http"),
    on: url,
    off: url,
    method: z.enum(["GET", "POST", "PUT"]).default("GET"),
    state: z
      .strictObject({ url, on: z.string().min(1), off: z.string().min(1) })
      .optional()
      .describe("An address, and what its answer contains when power is on, and when it is off"),
    ...login,
  })
  .describe("Any switch with a web address for on and one for off");

const byTasmota = z
  .strictObject({
    by: z.literal("tasmota"),
    host: hostName,
    relay: z
      .number()
      .int()
      .min(1)
      .max(32)
      .optional()
      .describe("Of several; left out: the only one"),
    ...login,
  })
  .describe("A plug with the Tasmota firmware");

const byShelly = z
  .strictObject({
    by: z.literal("shelly"),
    host: hostName,
    generation: z.union([z.literal(1), z.literal(2)]).describe("2 is also right for 3 and 4"),
    relay: z.number().int().min(0).max(31).default(0),
    ...login,
  })
  .describe("A Shelly plug or relay");

const byUhubctl = z
  .strictObject({
    by: z.literal("uhubctl"),
    location: z
      .string()
      .regex(/^\d+(?:-\d+(?:\.\d+)*)?$/, "expected a location such as 1-1.4, as uhubctl prints it"),
    port: z.number().int().min(1).max(32),
  })
  .describe("A port of a USB hub that can switch its power");

const bySnmp = z
  .strictObject({
    by: z.literal("snmp"),
    host: hostName,
    oid: z.string().regex(/^\.?\d+(?:\.\d+)+$/, "expected an object identifier in digits"),
    version: z.enum(["1", "2c"]).default("1"),
    on: z.number().int().default(1),
    off: z.number().int().default(2),
    communityFile: z.string().min(1).describe("A file with the community's name alone"),
  })
  .describe("An outlet of a PDU, by snmpset and snmpget; the defaults are those of APC");

const byPerson = z
  .strictObject({ by: z.literal("person") })
  .describe("Somebody is asked to pull the plug and to put it in again");

const byLabgrid = z
  .strictObject({ by: z.literal("labgrid") })
  .describe("Whatever switches the board's labgrid place");

export const powerSchema = z.discriminatedUnion("by", [
  byPerson,
  byCommand,
  byHttp,
  byTasmota,
  byShelly,
  byUhubctl,
  bySnmp,
  byLabgrid,
]);

export type PowerConfig = z.output<typeof powerSchema>;
export type PowerConfigOf<By extends PowerConfig["by"]> = Extract<PowerConfig, { by: By }>;
