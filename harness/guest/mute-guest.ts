/** A guest that is on and of which nothing can be asked: all that is left of it is its screen. Whatever is asked ends with why it cannot be. */
import type { Image } from "../../images/image.ts";
import type { CannotTell } from "../base/errors.ts";
import type { Machine } from "../machine/machine.ts";
import type { HasOpenLine } from "./evidence-line.ts";
import type { Guest } from "./guest.ts";

const mutes = new WeakSet<object>();

/** Whether nothing can be asked of a guest. */
export const isMute = (guest: Guest): boolean => mutes.has(guest);

/** Such a guest; `why` is what a story gets that asks all the same. */
export function muteGuest(
  {
    name,
    image,
    timeScale,
    machine,
    onDispose,
  }: {
    readonly name: string;
    readonly image: Image;
    readonly timeScale: number;
    readonly machine: Pick<Machine, "console">;
    readonly onDispose?: (() => Promise<void>) | undefined;
  },
  why: CannotTell,
): Guest & HasOpenLine {
  const refuse = async (): Promise<never> => {
    throw why;
  };
  const reader = new Proxy({}, { get: () => refuse });
  const guest = {
    ...{ name, image, timeScale, lookAt: machine.console.path, openLine: null },
    ...{ run: refuse, attempt: refuse, exec: refuse, reboot: refuse, rebootBy: refuse },
    ...{
      softReboot: refuse,
      softRebootBy: refuse,
      bootId: refuse,
      kernelArguments: refuse,
      backend: refuse,
    },
    aside: { name, timeScale, lookAt: machine.console.path, exec: refuse },
    expectDeployments: refuse,
    bootc: reader as Guest["bootc"],
    systemd: reader as Guest["systemd"],
    ostree: reader as Guest["ostree"],
    files: reader as Guest["files"],
    machine: reader as Guest["machine"],
    async [Symbol.asyncDispose]() {
      await onDispose?.().catch(() => undefined);
    },
  } satisfies Guest & HasOpenLine;
  mutes.add(guest);
  return guest;
}
