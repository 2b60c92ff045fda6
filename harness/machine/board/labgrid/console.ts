/** The serial console of a place: the network port that its exporter offers, which is opened as any other. */
import { z } from "zod";
import { MachineFault, quoting } from "../../../base/errors.ts";
import type { ConsoleConfigOf } from "../config-console.ts";
import type { LineOpener } from "../console/line.ts";
import { openTcp } from "../console/tcp-line.ts";
import type { LabgridPlace } from "./client.ts";
import { resourcesOf } from "./place.ts";

const port = z.object({
  host: z.string().min(1).max(253),
  port: z.number().int().min(1).max(65_535),
  speed: z.number().int().default(115_200),
  protocol: z.enum(["raw", "rfc2217"]).default("rfc2217"),
});

/** Opens the console, of several the one of that name. The place has to be ours. Throws MachineFault where it does not have one. */
export function labgridLine(place: LabgridPlace, name?: string): LineOpener {
  return async (listener, signal) =>
    openTcp(await consoleOf(place, name, signal), listener, signal);
}

async function consoleOf(
  place: LabgridPlace,
  name: string | undefined,
  signal: AbortSignal,
): Promise<ConsoleConfigOf<"tcp"> | ConsoleConfigOf<"rfc2217">> {
  const ports = (await resourcesOf(place, signal)).filter(
    (one) => one.kind === "NetworkSerialPort" && (name === undefined || one.name === name),
  );
  const [one, ...others] = ports;
  if (one === undefined || others.length > 0)
    throw new MachineFault(
      one === undefined
        ? `The labgrid place '${place.place}' does not have a serial port${name === undefined ? "" : ` '${name}'`}.`
        : `The labgrid place '${place.place}' has several serial ports; boards.yaml has to name one.`,
      { details: { ports: ports.map((each) => each.name).join(", ") || undefined } },
    );
  const parsed = port.safeParse(one.params);
  if (!one.isThere || !parsed.success)
    throw new MachineFault(
      quoting`The serial port '${one.name}' of labgrid place '${place.place}' is not there.`,
      { details: { told: JSON.stringify(one.params).slice(0, 300) } },
    );
  const { host, port: number, speed, protocol } = parsed.data;
  return protocol === "raw"
    ? { by: "tcp", host, port: number }
    : { by: "rfc2217", host, port: number, baud: speed };
}
