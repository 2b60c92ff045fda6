/** One root channel for each machine, shared by all who ask the guest: commands of one channel wait for each other. */
import type { Machine } from "../../machine/machine.ts";
import { RootChannel } from "./root-channel.ts";

const channels = new WeakMap<object, RootChannel>();

/** The machine's root channel, or null where it does not have the port. */
export function channelOf(machine: Pick<Machine, "port">, timeScale: number): RootChannel | null {
  const { port } = machine;
  if (port === undefined || port === null) return null;
  const known = channels.get(port);
  if (known !== undefined) return known;
  const channel = new RootChannel(port, timeScale);
  channels.set(port, channel);
  return channel;
}
