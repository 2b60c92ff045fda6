/** Where the guest of a board is reached: at a fixed address, at what multicast DNS says, or at what its console tells. */
import { lookup } from "node:dns/promises";
import { messageOf } from "../../base/errors.ts";
import type { Console } from "../console/console.ts";
import type { SshAddress } from "../machine.ts";
import type { Board } from "./config.ts";

/** `eth0: 192.0.2.7`, as many images' issue says it above the login (agetty(8), \4). */
const toldAddress = /^(?:e(?:n|th)|wl|end)[a-z0-9]{0,14}: (\d{1,3}(?:\.\d{1,3}){3})\b/;

/** Finds the address; null where the board is spoken to over its console alone. A plain Error says that it is not there yet. */
export function addressOf(
  { network }: Board,
  console: Pick<Console, "said">,
): ((signal: AbortSignal) => Promise<SshAddress>) | null {
  switch (network.by) {
    case "none":
      return null;
    case "fixed":
      return async (signal) => {
        signal.throwIfAborted();
        return { host: network.address, port: network.sshPort };
      };
    case "mdns":
      return async (signal) => {
        signal.throwIfAborted();
        // The host's own resolver knows multicast DNS (nss-mdns, systemd-resolved).
        const { address } = await lookup(network.name).catch((cause: unknown) => {
          throw new Error(`the name '${network.name}' is not found: ${messageOf(cause)}`, {
            cause,
          });
        });
        return { host: address, port: network.sshPort };
      };
    case "console":
      return async (signal) => {
        signal.throwIfAborted();
        for (const line of [...console.said(200)].reverse()) {
          const told = toldAddress.exec(line.trim())?.[1];
          if (told !== undefined) return { host: told, port: network.sshPort };
        }
        throw new Error("the console has not told an address yet");
      };
    default:
      return network satisfies never;
  }
}
