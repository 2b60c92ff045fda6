/** Words that several parts of `boards.yaml` share. */
import { z } from "zod";

/** A program and its arguments. Never a line for a shell: nothing in it can become a second command. */
export const command = z
  .array(z.string().min(1).max(1000))
  .min(1)
  .max(50)
  .describe("A program and its arguments, as a list; no shell reads it");

export const tcpPort = z.number().int().min(1).max(65_535);

export const hostName = z
  .string()
  .regex(/^[A-Za-z0-9.:_-]{1,253}$/, "expected a host name or an address, without a scheme");
