/** The words for a guest that did not answer in time, and whose fault that is. */
import { BootFailed, type BootgateError, CannotTell, type Headline } from "../base/errors.ts";
import type { HostVerdict } from "../base/host-health.ts";
import { formatDuration } from "../base/units.ts";
import { awaitedBy, isRelabelling, mayLieOutside } from "../machine/console/awaited.ts";
import { sshdFailure } from "../machine/console/came-up.ts";
import {
  type BootStage,
  bootStages,
  type Console,
  timeProves,
} from "../machine/console/console.ts";
import { wholeTail } from "../machine/console/console-tail.ts";
import { howToGiveAccess, initrdIsHeard, kernelIsHeard } from "../machine/console/silence.ts";
import { excerptEnd } from "./excerpt.ts";
import type { ReachOptions } from "./reach-options.ts";

/** What the console showed last, for messages. */
export function consoleTail(console: Console): string {
  const lines = console.tail(5);
  return lines.length === 0 ? "it has not said a word" : excerptEnd(lines.join("\n"), 600);
}

/** What the console says that the boot still waits for, for messages; undefined where it says nothing of the kind. */
export const stillAwaited = (console: Console): string | undefined =>
  awaitedBy(console.said(12)) ?? undefined;

/** Whether a guest's processor and memory are this host's: false for a board. */
export const runsHere = (accelerator: string): boolean =>
  accelerator === "kvm" || accelerator === "tcg";

/** Why a limit that ran out proves nothing about an emulated guest. */
export const emulatedWord = "emulated, so slowness proves nothing";

export interface Late extends Pick<ReachOptions, "machine" | "name" | "timeoutMs" | "timeScale"> {
  /** Something in the guest has said bytes on the port of SSH. */
  readonly spoke?: boolean;
  readonly host: HostVerdict;
}

/**
 * The error for a guest that did not answer in time. To blame is an image whose kernel or initramfs did not come further,
 * whose system still waits for something of its own, whose console says that sshd failed, or whose port of SSH speaks and
 * lets nobody in; never by time alone where the processor is emulated or the host was not well. All others may have booted.
 */
export function tooLate(late: Late, details: Readonly<Record<string, string>>): BootgateError {
  const { machine, name, timeoutMs, spoke = false } = late;
  const { console } = machine;
  const { stage } = console;
  const within = formatDuration(timeoutMs);
  const failed = sshdFailureOn(machine, name, details);
  if (failed !== null) return failed;
  const awaited = stillAwaited(console);
  const isInside = bootStages.indexOf(stage) >= bootStages.indexOf("userspace");
  const [lastLine = ""] = console.said(1);
  const isUnheard =
    (stage === "kernel" && !kernelIsHeard(console.hasKernelBanner ?? true, lastLine)) ||
    !initrdIsHeard(stage, console.hasInitrdWord ?? true);
  const proves = spoke || (awaited !== undefined && waitsForItsOwn(console, awaited));
  if (!timeProves(stage) || isUnheard || (isInside && !proves))
    return notAsked(
      isInside
        ? `Guest '${name}' came as far as user space and did not answer within ${within}: it may have booted, and nothing can be asked of it.`
        : `Guest '${name}' did not answer within ${within}, and its console has said ${isUnheard ? "too little" : "nothing"} of the system: it may have booted, and nothing can be asked of it.`,
      console,
      awaited === undefined ? details : { ...details, ...waitsFor(awaited, stage) },
    );
  const headline = spoke
    ? `Guest '${name}' speaks on its SSH port, and no login came to its end within ${within}`
    : `Guest '${name}' did not answer on SSH within ${within}`;
  return spoke ? byTime(`${headline}.`, late, details) : byAwaited(headline, late, details);
}

/** The error for time that ran out, by what the console says that is awaited. `headline` has no full stop. */
export function byAwaited(
  headline: string,
  late: Pick<Late, "machine" | "timeScale" | "host">,
  details: Readonly<Record<string, string>>,
): BootgateError {
  const { console } = late.machine;
  const { stage, path: lookAt } = console;
  const awaited = stillAwaited(console);
  if (awaited === undefined) return byTime(`${headline}.`, late, details);
  const told = { ...details, ...waitsFor(awaited, stage) };
  if (isRelabelling(awaited)) {
    const howTo = "give the image a disk whose files have their labels, or let it boot once";
    return new CannotTell(`${headline}: it was still writing the labels of SELinux.`, {
      details: { ...told, "how to": howTo },
      lookAt,
    });
  }
  // As an unlock by a server, or a configuration from an address.
  const isOutside = mayLieOutside(awaited, stage);
  const end = isOutside ? ", which may lie outside of the machine." : ".";
  const words = {
    text: `${headline}: it still waits for ${awaited}${end}`,
    ownWords: `${headline}: it still waits for …${end}`,
  };
  return isOutside
    ? new CannotTell(words, { details: told, lookAt })
    : byTime(words, late, details);
}

/**
 * Whether a boot that waits for this would have got an sshd otherwise, and nothing outside keeps it waiting. A systemd that
 * does not read the harness's wish, or does not tell its version, may not have one to start.
 */
const waitsForItsOwn = ({ systemd, stage }: Console, awaited: string): boolean =>
  !mayLieOutside(awaited, stage) && systemd !== null && systemd >= wishIsRead;

const waitsFor = (awaited: string, stage: BootStage): Readonly<Record<string, string>> => ({
  "waits for": awaited,
  ...(mayLieOutside(awaited, stage)
    ? { network: "the harness closes it unless --network open is given" }
    : {}),
});

/** The error for time that ran out: the image's only where the processor is real and the host was well. */
export function byTime(
  headline: Headline,
  { machine, timeScale, host }: Pick<Late, "machine" | "timeScale" | "host">,
  details: Readonly<Record<string, string>>,
): BootgateError {
  const { stage, path: lookAt } = machine.console;
  if (host.full !== undefined) return host.full;
  if (timeScale > 1)
    return new CannotTell(headline, { details: { ...details, processor: emulatedWord }, lookAt });
  if (!host.isWell)
    return new CannotTell(headline, { details: { ...details, host: host.figures }, lookAt });
  return new BootFailed(headline, { stage, details, lookAt });
}

/** The error for a guest that may have booted, with what would give a way in. */
export function notAsked(
  headline: string,
  { stage, path: lookAt, hasKernelBanner }: Console,
  details: Readonly<Record<string, string>>,
): CannotTell {
  return new CannotTell(headline, {
    details: { ...details, "how to": howToGiveAccess(stage, hasKernelBanner) },
    lookAt,
  });
}

/** From this version of systemd on the harness's wish for sshd is read (systemd.system-credentials(7), `systemd.unit-dropin.*`). */
export const wishIsRead = 256;

/**
 * The error for a guest whose console says that its sshd could not be started; null where it does not. The image's fault
 * where its systemd is too old to read the harness's wish for sshd: then the image itself starts it. Else nobody can tell.
 */
export function sshdFailureOn(
  { console }: Pick<ReachOptions["machine"], "console">,
  name: string,
  details: Readonly<Record<string, string>>,
): BootgateError | null {
  const line = console.stage === "userspace" ? sshdFailure(console.said(wholeTail)) : null;
  if (line === null) return null;
  const { stage, path: lookAt, systemd } = console;
  const headline = `Guest '${name}' came up, but its console says that its sshd has failed`;
  const seen = { ...details, console: excerptEnd(line, 300) };
  if (systemd !== null && systemd < wishIsRead)
    return new BootFailed(`${headline}.`, { stage, details: seen, lookAt });
  return new CannotTell(`${headline}, which may not be started without the harness's wish.`, {
    details: {
      ...seen,
      "how to":
        "let the root channel ask the guest (without --no-channel), or see why its sshd fails",
    },
    lookAt,
  });
}
