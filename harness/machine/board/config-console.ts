/** The serial consoles that `boards.yaml` can name. */
import { z } from "zod";
import { command, hostName, tcpPort } from "./config-words.ts";

const baud = z
  .number()
  .int()
  .min(50)
  .max(4_000_000)
  .default(115_200)
  .describe("Bits in a second; the firmware of a Raspberry Pi speaks 115200");

const bySerial = z
  .strictObject({
    by: z.literal("serial"),
    device: z.string().regex(/^\/./, "expected an absolute path such as /dev/serial/by-id/…"),
    baud,
  })
  .describe("A serial adapter of this host");

const byTcp = z
  .strictObject({ by: z.literal("tcp"), host: hostName, port: tcpPort })
  .describe("A raw TCP socket: ser2net with 'accepter: tcp', a console server");

const byRfc2217 = z
  .strictObject({ by: z.literal("rfc2217"), host: hostName, port: tcpPort, baud })
  .describe("A serial port over telnet that is told its speed: ser2net with 'telnet(rfc2217)'");

const byCommand = z
  .strictObject({ by: z.literal("command"), run: command })
  .describe("A program whose output is the console and whose input is typed at it");

const byLabgrid = z
  .strictObject({
    by: z.literal("labgrid"),
    name: z.string().min(1).max(100).optional().describe("Of several serial ports of the place"),
  })
  .describe("The serial port of the board's labgrid place");

export const consoleSchema = z.discriminatedUnion("by", [
  bySerial,
  byTcp,
  byRfc2217,
  byCommand,
  byLabgrid,
]);

export type ConsoleConfig = z.output<typeof consoleSchema>;
export type ConsoleConfigOf<By extends ConsoleConfig["by"]> = Extract<ConsoleConfig, { by: By }>;
