/** The line that `boards.yaml` names: a new kind is a new row. */
import type { ConsoleConfig } from "../config-console.ts";
import { openCommand } from "./command-line.ts";
import type { LineOpener } from "./line.ts";
import { openTcp } from "./tcp-line.ts";

/** How the line is opened, as often as it has to be. */
export function lineOpener(config: ConsoleConfig): LineOpener {
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
    default:
      return config satisfies never;
  }
}
