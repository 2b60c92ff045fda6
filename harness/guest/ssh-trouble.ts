/**
 * Why a guest that is up cannot be reached over SSH, asked over the root channel. The image is to blame for what is
 * proved: an sshd that failed, a network that is gone. An sshd that the image does not have or does not want is not a fault.
 */
import { BootFailed, type BootgateError, CannotTell } from "../base/errors.ts";
import type { HostVerdict } from "../base/host-health.ts";
import { commands } from "./commands.ts";
import { excerptEnd } from "./excerpt.ts";
import { judgeKeyRefusal } from "./key-refused.ts";
import { emulatedWord } from "./reach-words.ts";
import { sectionOf } from "./report-sections.ts";
import { parseBlocks } from "./tools/properties.ts";
import type { Transport } from "./transport.ts";

/** How SSH was met from outside; `unfinished`: logins came to their end, and commands did not. */
export type SshSituation = "not-listening" | "unanswered" | "unfinished" | "key-refused";

export interface SshJudgement {
  readonly blame: "image" | "unknown";
  /** The end of "The guest came up, but …". */
  readonly because: string;
  /** Time may still change it, or nobody said how it is: judged when the time is over, and never by what answered before. */
  readonly isOpen?: true;
  /** Only the time that passed shows it. */
  readonly isTimed?: true;
  /** The harness's own wish started it, or was to: never held against an image. */
  readonly isWish?: true;
  /** Whom an sshd lets in is the image's choice: that it let the harness in before proves nothing by itself. */
  readonly isChoice?: true;
}

interface UnitFacts {
  readonly id: string;
  readonly load: string;
  readonly active: string;
  readonly result: string;
  readonly file: string;
  /** How often systemd has started it again by itself; NaN before version 235. */
  readonly restarts: number;
  /** A start or stop of it waits for its turn, or goes on. */
  readonly hasJob: boolean;
}

/** Each unit once: an alias (sshd.service of Debian) shows the facts of the unit behind it. */
function unitsOf(report: string): UnitFacts[] {
  const shown = allUnitsOf(report);
  return shown.filter(({ id }, index) => shown.findIndex((other) => other.id === id) === index);
}

function allUnitsOf(report: string): UnitFacts[] {
  return parseBlocks(sectionOf(report, "units")).map((facts) => {
    const of = (key: string): string => facts[key] ?? "";
    return {
      id: of("Id"),
      load: of("LoadState"),
      active: of("ActiveState"),
      result: of("Result"),
      file: of("UnitFileState"),
      restarts: Number.parseInt(of("NRestarts"), 10),
      hasJob: /^[1-9]/.test(of("Job")),
    };
  });
}

const ipv4 = /\s\d{1,3}(?:\.\d{1,3}){3}\//;
/** Not one of the link alone, which an interface gives itself (RFC 4291, 2.5.6). */
const ipv6 = /\s(?!fe[89ab])[0-9a-f]{0,4}:[0-9a-f:]{1,40}\//i;

/** Whether an interface other than the loopback has such an address (`ip -brief address`). */
const hasAddress = (report: string, kind: RegExp): boolean =>
  sectionOf(report, "addresses")
    .split("\n")
    .some((line) => !/^lo\s/.test(line) && kind.test(line));

/** Judges the report of `commands.sshTrouble`. Pure. */
export function judgeSshTrouble(
  report: string,
  situation: SshSituation,
  answeredBefore = false,
): SshJudgement {
  if (situation === "key-refused")
    return { ...judgeKeyRefusal(report, answeredBefore), isChoice: true };
  // The sections up to this one decide what the image wishes for; a report may be cut off anywhere.
  if (!/^== listens$/m.test(report))
    return { blame: "unknown", because: "it did not tell in time how its sshd is", isOpen: true };
  const listens = sectionOf(report, "listens") !== "";
  const units = unitsOf(report);
  const loaded = units.filter(({ load }) => load === "loaded");
  if (!listens) return judgeUnits(units, loaded, sectionOf(report, "wanted") !== "");
  const isKnown = sectionOf(report, "addresses") !== "" && !hasAddress(report, ipv4);
  // The port forward of the machine goes to the guest's IPv4 address.
  if (isKnown && hasAddress(report, ipv6))
    return { blame: "unknown", because: "its network has an IPv6 address only" };
  if (isKnown) return withoutAddress(report);
  // A socket listens before the service behind it has started.
  const late = loaded.find(({ active, hasJob }) => active === "activating" || hasJob);
  if (late !== undefined)
    return { blame: "unknown", because: `its ${late.id} was still starting`, isOpen: true };
  const because =
    situation === "unfinished"
      ? "its sshd lets the harness in, and what is run there does not end"
      : "its sshd listens and does not answer from outside";
  return { blame: "image", because, isTimed: true };
}

/** What gives a machine its addresses (the units of NetworkManager, systemd, dhcpcd, wicked, connman, ifupdown and dhclient). */
const networkUnit =
  /^(?:NetworkManager|systemd-networkd|dhcpcd|wicked[\w-]*|connman|networking|network|dhclient)(?:@\S*)?\.service\b/m;

/**
 * A socket listens before there is a network (systemd.socket(5)), and an sshd waits for no address. Proof before its time is over
 * is a network that failed, or a start-up that has ended and left all interfaces down, so that nobody waits for an address.
 */
function withoutAddress(report: string): SshJudgement {
  const because = "its network has no address";
  const failed = networkUnit.exec(sectionOf(report, "failed units"))?.[0];
  if (failed !== undefined)
    return { blame: "image", because: `${because}, and its ${failed} has failed` };
  const isOver = /^(?:running|degraded)$/m.test(sectionOf(report, "system"));
  const isDown = sectionOf(report, "addresses")
    .split("\n")
    .every((line) => /^(?:lo\s|\s*$)|^\S+\s+DOWN\b/.test(line));
  if (isOver && isDown)
    return { blame: "image", because: `${because}, and nothing brings its interfaces up` };
  return { blame: "image", because, isOpen: true, isTimed: true };
}

const isEnabled = (file: string): boolean => /^(?:enabled|alias)/.test(file);

/** `isWanted`: a unit of the image starts it, though it is not enabled. */
function judgeUnits(
  units: readonly UnitFacts[],
  loaded: readonly UnitFacts[],
  isWanted: boolean,
): SshJudgement {
  const failed = loaded.find(
    ({ active, result }) =>
      active === "failed" || (active === "activating" && result !== "success"),
  );
  // Where the image does not enable it, nor a socket that starts it, the harness's own wish started it.
  const bySocket = loaded.some(({ id, file }) => id.endsWith(".socket") && isEnabled(file));
  const isChosen = bySocket || isWanted;
  if (failed !== undefined && /^(?:disabled|indirect)/.test(failed.file) && !isChosen)
    return {
      blame: "unknown",
      because: `its ${failed.id} is not enabled and failed when asked to start (${failed.result})`,
      isWish: true,
    };
  if (failed !== undefined) {
    const because = `its ${failed.id} has failed (${failed.result})`;
    // It is started again after a while (`RestartSec=` is 42 s in Fedora's unit); what failed once may come up then.
    const isTriedAgain = failed.active === "activating" && !(failed.restarts > 0);
    return { blame: "image", because, ...(isTriedAgain ? { isOpen: true } : {}) };
  }
  // A valid choice of an image, which the harness cannot know: the guest's port 22 is the one that it forwards.
  const runs = loaded.find(({ active }) => active === "active");
  if (runs !== undefined)
    return { blame: "unknown", because: `its ${runs.id} runs and nothing listens on port 22` };
  const starting = loaded.find(({ active, hasJob }) => active === "activating" || hasJob);
  if (starting !== undefined)
    return { blame: "unknown", because: `its ${starting.id} was still starting`, isOpen: true };
  if (units.some(({ load }) => load === "masked"))
    return { blame: "unknown", because: "its sshd is masked" };
  if (loaded.length === 0) return { blame: "unknown", because: "it does not have an sshd" };
  const enabled = loaded.find(({ file }) => isEnabled(file));
  if (enabled !== undefined)
    return { blame: "image", because: `its ${enabled.id} is enabled and does not run` };
  if (isWanted) return { blame: "image", because: "its sshd is wanted by a unit and does not run" };
  return {
    blame: "unknown",
    because: "its sshd is not enabled and did not start when asked to",
    isWish: true,
  };
}

export interface AskOptions {
  /** Another way in than SSH. */
  readonly channel: Pick<Transport, "exec">;
  readonly name: string;
  readonly stage: string;
  readonly lookAt: string;
  readonly timeScale: number;
  readonly signal: AbortSignal;
}

export interface SshTroubleOptions extends AskOptions {
  readonly situation: SshSituation;
  /** The harness's key, as authorized_keys(5) has it. */
  readonly publicKey: string;
  /** What the last try over SSH met. */
  readonly lastTry: string;
  /** The guest has answered on SSH before: then it is the image that changed, whatever the reason. */
  readonly answeredBefore: boolean;
  /** How the host was meanwhile. */
  readonly host: HostVerdict;
}

export interface SshTrouble {
  readonly error: BootgateError;
  /** Time may still change it. */
  readonly isOpen: boolean;
}

/** The error for a guest that is up and cannot be reached over SSH. Rejects with the abort reason only. */
export async function sshTrouble(options: SshTroubleOptions): Promise<SshTrouble> {
  const { name, stage, lookAt, situation, lastTry, timeScale } = options;
  const stdout = await ask(options, options.publicKey);
  const told = judgeSshTrouble(stdout, situation, options.answeredBefore);
  const starved = told.isTimed === true && !options.host.isWell;
  const emulated = told.isTimed === true && timeScale > 1;
  // A host that was not well may be so again in a moment.
  const judgement: SshJudgement = {
    ...told,
    ...(starved || emulated ? { blame: "unknown" } : {}),
    ...(starved ? { isOpen: true } : {}),
  };
  const { because, isOpen = false } = judgement;
  const details = {
    "last try": lastTry,
    host: starved ? options.host.figures : undefined,
    processor: emulated ? emulatedWord : undefined,
    ...wordsOf(stdout),
    "key file": situation === "key-refused" ? part(stdout, "key file") : undefined,
  };
  const headline = `Guest '${name}' came up, but ${because}`;
  if (isHeldAgainst(judgement, options.answeredBefore))
    return { error: new BootFailed(`${headline}.`, { stage, details, lookAt }), isOpen };
  const howTo = "'--transport channel' plays the stories over the root channel instead of SSH";
  const more = { details: { ...details, "how to": howTo }, lookAt };
  return { error: new CannotTell(`${headline}, so it cannot be asked over SSH.`, more), isOpen };
}

/**
 * The fault of the image by which SSH cannot be had, told by a guest that was reached over its serial console all the same; null where
 * none is proved. Whether a login from outside ends, or an address comes, is for time to show, and is not asked here.
 */
export async function provedSshFault(
  options: AskOptions & {
    /** The machine's network is the harness's own, which works; a board's cable may not be plugged in. */
    readonly hasOwnNetwork: boolean;
  },
): Promise<BootFailed | null> {
  const { name, stage, lookAt } = options;
  const report = await ask(options);
  const { blame, because, isOpen, isTimed } = judgeSshTrouble(report, "not-listening");
  const isOfNetwork = sectionOf(report, "listens") !== "";
  if (blame !== "image" || isOpen || isTimed || (isOfNetwork && !options.hasOwnNetwork))
    return null;
  return new BootFailed(`Guest '${name}' came up, but ${because}.`, {
    stage,
    details: wordsOf(report),
    lookAt,
  });
}

async function ask(
  { channel, timeScale, signal }: AskOptions,
  publicKey?: string,
): Promise<string> {
  const { stdout } = await channel.exec(commands.sshTrouble(publicKey), {
    timeoutMs: 30_000 * Math.max(1, timeScale),
    maxBytes: 64 * 1024,
    signal,
  });
  return stdout;
}

const part = (report: string, heading: string): string | undefined =>
  excerptEnd(sectionOf(report, heading), 1200) || undefined;

const wordsOf = (report: string): Record<string, string | undefined> => ({
  sshd: unitWords(report),
  addresses: part(report, "addresses"),
  failed: part(report, "failed units"),
  settings: part(report, "sshd settings"),
  refusals: part(report, "sshd refusals"),
  journal: part(report, "journal"),
});

/** Whether the image fails by it. One that has answered on SSH before has changed itself, unless the harness only wished for its sshd or it chooses whom to let in. */
export const isHeldAgainst = (
  { blame, isOpen, isWish, isTimed, isChoice }: SshJudgement,
  answeredBefore: boolean,
): boolean =>
  blame === "image" || (answeredBefore && ![isOpen, isWish, isTimed, isChoice].includes(true));

function unitWords(report: string): string | undefined {
  const words = unitsOf(report)
    .filter(({ load, id }) => id !== "" && load !== "not-found")
    .map(
      ({ id, load, active, result, file }) =>
        `${id}: ${[load, active, result, file].filter((word) => word !== "").join(", ")}`,
    );
  return words.length === 0 ? undefined : words.join("\n");
}
