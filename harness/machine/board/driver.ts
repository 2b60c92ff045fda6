/**
 * A board of `boards.yaml` as a driver of one machine: leased, switched off, its card written and proved, and then handed over as a machine that
 * is off. Whatever fails on the way, the board is off and free again, and none of it is the image's fault.
 */
import { resolve } from "node:path";
import { type Deviation, deviation } from "../../base/deviations.ts";
import { UsageError } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { createWorkspace, type Workspace } from "../../base/workspace.ts";
import { ConsoleLog } from "../console/console-log.ts";
import { defaultLimits, type WatcherOptions } from "../console/console-watcher.ts";
import type {
  Capability,
  CreateOptions,
  KnownGood,
  Machine,
  MachineDriver,
  MachineSpec,
  WrittenMark,
} from "../machine.ts";
import { consolePatience } from "../profile.ts";
import { addressOf } from "./address.ts";
import { BoardMachine } from "./board-machine.ts";
import { BootWords } from "./boot-words.ts";
import { type CardNonce, nonceSector } from "./card/card-nonce.ts";
import type { Board } from "./config.ts";
import { feedConsole } from "./console/feed-console.ts";
import { lineName } from "./console/line.ts";
import { lineOpener } from "./console/open-line.ts";
import { credentialWords } from "./kernel-credentials.ts";
import { takeBoard } from "./lease/lease.ts";
import { noteBoot, refuseAside } from "./lease/quarantine.ts";
import { offTheClock } from "./person/ask-person.ts";
import type { Person } from "./person/person.ts";
import { openSwitch } from "./power/open-switch.ts";
import { boardPower } from "./power/power-switch.ts";
import { type CardOpener, type ImageDisk, openProvedCard, putImage } from "./put-image.ts";

export interface BoardDriverOptions {
  readonly board: Board;
  /** The file that describes it. */
  readonly boardsPath: string;
  /** Who is asked where a person is a part of the board; null where nobody can be. */
  readonly person: Person | null;
  readonly onProgress: (line: string) => void;
  /** Another way to a card than the one that proves it: for tests with cards that are files. */
  readonly openCard?: CardOpener;
  readonly limits?: WatcherOptions;
  /** From the firmware's first word to GRUB's menu, and how long one that said that it goes off is silent. Milliseconds. */
  readonly menuMs?: number;
  /** Until one key shows at GRUB, and until a serial line that is gone is given up. Milliseconds. */
  readonly keyMs?: number;
  readonly reopenMs?: number;
  readonly silenceMs?: number;
  readonly maxConsoleBytes?: number;
}

/** A job's own limits end it sooner; this is told to others who want the board. Milliseconds. */
const leaseMs = 12 * 60 * 60_000;
/** The harness's own work for a board: the card's blocks. MiB. */
const harnessMiB = 128;
/** A raw copy of an image, without its holes. MiB. */
const copyMiB = 8192;

/** The driver. Touches nothing. */
export function createBoardDriver(options: BoardDriverOptions): MachineDriver {
  const { board } = options;
  const hasNetwork = board.network.by !== "none";
  const capabilities = new Set<Capability>(["power", "keys"]);
  if (hasNetwork) capabilities.add("network");
  return {
    kind: "board",
    word: `board:${board.name}`,
    accelerator: "none",
    version: null,
    timeScale: board.limits.slowness,
    registry: null,
    hasChannel: false,
    sectorBytes: () => [512],
    capabilities,
    templates: null,
    knownGood: knownGoodOf(board),
    // Into the reader, and back.
    cardMoves: board.storage.by === "person" ? 2 : undefined,
    refuse: async (spec) => whyNotOn(board, spec),
    cost: () => ({
      memoryMiB: harnessMiB,
      // Its guest runs on its own processors.
      cpus: 0,
      diskMiB: copyMiB,
      locks: [`board:${board.name}`],
    }),
    create: (spec, create) => createMachine(options, spec, create),
  };
}

const knownGoodOf = (board: Board): KnownGood | undefined =>
  board.health === undefined
    ? undefined
    : {
        image: board.health.image,
        architecture: board.architecture,
        note: (fault) => noteBoot(board, fault),
      };

function whyNotOn(
  { name, architecture }: Board,
  wish: Pick<MachineSpec, "architecture" | "firmware" | "tpm">,
): string | null {
  if (wish.architecture !== architecture)
    return `Board '${name}' is ${architecture}, and the image is ${wish.architecture}.`;
  if (wish.tpm !== undefined)
    return `Board '${name}' has a TPM or has none, which cannot be chosen: leave out --tpm.`;
  return wish.firmware === "uefi"
    ? null
    : `Board '${name}' starts by the firmware that it has, which cannot be chosen: leave out --firmware.`;
}

/** The one disk that a card can be. Throws UsageError for another machine than a board can be. */
function checkSpec({ name }: Board, spec: MachineSpec): ImageDisk {
  const [disk, ...others] = spec.disks;
  if (disk?.kind !== "overlay" || others.length > 0)
    throw new UsageError(`Board '${name}' has one card, and boots a disk image from it alone.`);
  if (spec.directBoot !== undefined || spec.logPort !== undefined || spec.rebootEnds === true)
    throw new UsageError(`Board '${name}' boots by its own firmware; helper machines are QEMU's.`);
  if (spec.forwards.length > 0)
    throw new UsageError(`A guest on board '${name}' does not reach services of the harness.`);
  if (disk.sectorBytes === 4096)
    throw new UsageError(`The card of board '${name}' has sectors of 512 bytes, the image 4096.`);
  return disk;
}

async function createMachine(
  options: BoardDriverOptions,
  spec: MachineSpec,
  create: CreateOptions,
): Promise<Machine> {
  const { board } = options;
  const why = whyNotOn(board, spec);
  if (why !== null) throw new UsageError(why);
  const disk = checkSpec(board, spec);
  const words = credentialWords(board.name, spec.credentials);
  create.signal.throwIfAborted();
  const owned: AsyncDisposable[] = [];
  const own = <T extends AsyncDisposable>(one: T): T => {
    owned.unshift(one);
    return one;
  };
  try {
    const workspace = own(await createWorkspace("board"));
    return await leaseAndWrite(options, { spec, disk, words, workspace, create }, own);
  } catch (error) {
    for (const one of owned) await one[Symbol.asyncDispose]();
    throw error;
  }
}

interface Making {
  readonly spec: MachineSpec;
  readonly disk: ImageDisk;
  /** Of the kernel's command line. */
  readonly words: readonly string[];
  readonly workspace: Workspace;
  readonly create: CreateOptions;
}

async function leaseAndWrite(
  options: BoardDriverOptions,
  { spec, disk, words, workspace, create }: Making,
  own: <T extends AsyncDisposable>(one: T) => T,
): Promise<Machine> {
  const { board, boardsPath, onProgress } = options;
  const person = options.person === null ? null : offTheClock(options.person, create.pauseClock);
  const use = create.directory;
  const lease = own(
    await takeBoard({ board, boardsPath, use, lastsMs: leaseMs, signal: create.signal }),
  );
  await refuseAside(board.name);
  const lost = new AbortController();
  lease.lost.catch((error: unknown) => lost.abort(error));
  const signal = AbortSignal.any([create.signal, lost.signal]);
  const console = new ConsoleLog({
    ...(options.limits ?? defaultLimits(consolePatience(board.limits.slowness))),
    path: resolve(create.directory, "console.log"),
    name: spec.name,
    passphrase: spec.passphrase,
  });
  const machine: { hear: (bytes: Uint8Array) => void } = { hear: () => undefined };
  const line = own(
    await openConsole(options, { console, signal, hear: (bytes) => machine.hear(bytes) }),
  );
  line.line.lost.catch((error: unknown) => lost.abort(error));
  const power = boardPower({
    name: board.name,
    switch: await openSwitch({ board, boardsPath, person }),
    limits: board.limits,
    saidBytes: () => line.line.bytes,
    onChange: () => line.line.boardChanged(),
  });
  await power.off(signal);
  const began = performance.now();
  const openCard = options.openCard ?? openProvedCard;
  const put = { board, disk, folder: workspace.path, person, openCard, onProgress, signal };
  const nonce = await putImage(put);
  onProgress(
    `board ${board.name}: the image was brought to it in ${formatDuration(performance.now() - began)}`,
  );
  const made = new BoardMachine({
    // Nothing of ours closes the network of a lab.
    spec: { ...spec, network: "open" },
    ...{ board: board.name, console, line, power, lease, workspace, onProgress },
    ...{ mark: markOf(nonce), address: addressOf(board, console) },
    isByPerson: board.power.by === "person",
    ...{ words: bootWords(options, { spec, words, console }), silenceMs: options.silenceMs },
    deviations: deviationsOf(board, nonce),
  });
  machine.hear = (bytes) => made.hear(bytes);
  if (lost.signal.aborted) throw lost.signal.reason;
  return made;
}

/** The line, whose bytes go to the log and to `hear`. Nothing that it says ends a wait but its own loss. */
function openConsole(
  { board, maxConsoleBytes, reopenMs }: BoardDriverOptions,
  how: {
    readonly console: ConsoleLog;
    readonly hear: (bytes: Uint8Array) => void;
    readonly signal: AbortSignal;
  },
) {
  const { console, hear, signal } = how;
  return feedConsole(
    {
      console: { path: console.path, feed: hear, attach: () => undefined },
      board: board.name,
      what: lineName(board.console),
      open: lineOpener(board.console, board.labgrid),
      ...(reopenMs === undefined ? {} : { reopenMs }),
      maxBytes: maxConsoleBytes ?? 1024 ** 3,
      ...("baud" in board.console ? { baud: board.console.baud } : {}),
    },
    signal,
  );
}

const markOf = (nonce: CardNonce | null): WrittenMark | null =>
  nonce === null ? null : { offsetBytes: nonce.at, bytes: nonceSector(nonce) };

function bootWords(
  { board, menuMs, keyMs }: BoardDriverOptions,
  { spec, words, console }: Pick<Making, "spec" | "words"> & { readonly console: ConsoleLog },
): BootWords | null {
  if (words.length === 0) return null;
  const scale = board.limits.slowness;
  const names = Object.keys(spec.credentials).sort();
  return new BootWords({ board: board.name, console, words, names, scale, menuMs, keyMs });
}

const deviationsOf = ({ network }: Board, nonce: CardNonce | null): readonly Deviation[] => [
  ...(network.by === "none" ? [] : [deviation("network-of-lab")]),
  ...(nonce === null ? [] : [deviation("card-mark")]),
];
