/** The line that `boards.yaml` names: a new kind is a new row. */
import type { ConsoleConfig } from "../config-console.ts";
import type { LabgridPlace } from "../labgrid/client.ts";
import { labgridLine } from "../labgrid/console.ts";
import { openCommand } from "./command-line.ts";
import type { LineOpener } from "./line.ts";
import { openTcp } from "./tcp-line.ts";

/** How the line is opened, as often as it has to be. `place`: the board's, where it has one. */
export function lineOpener(config: ConsoleConfig, place?: LabgridPlace): LineOpener {
  switch (config.by) {
    case "serial":
      // The library has a part in machine code, which only who has such a line needs.
      return async (listener, signal) =>
        (await import("./serial-line.ts")).openSerial(config, listener, signal);
    case "tcp":
    case "rfc2217":
      return (listener, signal) => openTcp(config, listener, signal);
    case "command":
      return (listener, signal) => openCommand(config, listener, signal);
    case "labgrid":
      if (place === undefined) throw new TypeError("The board does not have a labgrid place.");
      return labgridLine(place, config.name);
    default:
      return config satisfies never;
  }
}
