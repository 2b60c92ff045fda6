/**
 * Proof that what is about to be written is the card, and not a disk of this host. Nothing overrides it. What Linux tells of the device
 * is read by lsblk(8); the last word is the kernel's, which opens no device exclusively that it uses itself (open(2), O_EXCL).
 */
import { realpath, stat } from "node:fs/promises";
import { z } from "zod";
import { HostUnfit, messageOf } from "../../../base/errors.ts";
import { attemptCommand } from "../../../base/process.ts";
import { formatBytes } from "../../../base/units.ts";

/** What `boards.yaml` says of the card. */
export interface CardWish {
  readonly board: string;
  readonly device: string;
  readonly size: { readonly least: number; readonly most: number };
}

/** A device that was proved to be the card. */
export interface ProvedCard {
  /** `/dev/sdb`, to which the name in `boards.yaml` led. */
  readonly path: string;
  readonly bytes: number;
  /** `major:minor`: another device under the same name is another card. */
  readonly number: string;
}

const columns = "NAME,PATH,TYPE,SIZE,RM,HOTPLUG,TRAN,RO,MOUNTPOINTS,FSTYPE,MAJ:MIN";

export interface BlockFacts {
  readonly name: string;
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly rm: boolean;
  readonly hotplug: boolean;
  readonly tran: string | null;
  readonly ro: boolean;
  readonly mountpoints: readonly (string | null)[];
  readonly fstype: string | null;
  readonly "maj:min": string;
  readonly children?: readonly BlockFacts[] | undefined;
}

const blockFacts: z.ZodType<BlockFacts> = z.lazy(() =>
  z.object({
    name: z.string(),
    path: z.string(),
    type: z.string(),
    size: z.number(),
    rm: z.boolean(),
    hotplug: z.boolean(),
    tran: z.string().nullable(),
    ro: z.boolean(),
    mountpoints: z.array(z.string().nullable()),
    fstype: z.string().nullable(),
    "maj:min": z.string(),
    children: z.array(blockFacts).optional(),
  }),
);

/** What Linux tells of a device and all that stands on it. Throws HostUnfit where it is not there, or not a device. */
export async function lookAtDevice(device: string): Promise<BlockFacts> {
  const path = await realpath(device).catch((cause: unknown) => {
    throw new HostUnfit(`The card '${device}' is not there.`, {
      cause,
      details: {
        "to do": "put it into the reader; 'ls -l /dev/disk/by-id/' shows the disks that are",
      },
    });
  });
  if (!(await stat(path)).isBlockDevice())
    throw new HostUnfit(`The card '${device}' is not a disk: '${path}' is not a block device.`);
  const args = ["--json", "--bytes", "--output", columns, "--", path];
  const { exitCode, stdout, stderr } = await attemptCommand("lsblk", args, { timeoutMs: 30_000 });
  try {
    if (exitCode !== 0) throw new Error(stderr);
    const { blockdevices } = z
      .object({ blockdevices: z.array(blockFacts).length(1) })
      .parse(JSON.parse(stdout));
    return blockdevices[0] as BlockFacts;
  } catch (cause) {
    throw new HostUnfit(`The host does not tell what the device '${path}' is.`, {
      cause,
      details: { reason: messageOf(cause).slice(0, 300) },
    });
  }
}

/**
 * The card, once nothing speaks against it. `ownFiles`: folders of this run, none of which may lie on it. Throws HostUnfit with every
 * reason that speaks against it.
 */
export async function proveCard(
  wish: CardWish,
  ownFiles: readonly string[],
  look: (device: string) => Promise<BlockFacts> = lookAtDevice,
): Promise<ProvedCard> {
  const facts = await look(wish.device);
  const numbers = new Set<string>();
  for (const path of ["/", ...ownFiles]) {
    const found = await stat(path).catch(() => null);
    if (found !== null) numbers.add(deviceNumber(found.dev));
  }
  const reasons = whyNot(facts, wish, numbers);
  if (reasons.length > 0)
    throw new HostUnfit(
      `The device '${wish.device}' of board '${wish.board}' is not written: ${reasons[0]}.`,
      {
        details: {
          ...(reasons.length > 1 ? { also: reasons.slice(1).join("; ") } : {}),
          device: `${facts.path}, ${formatBytes(facts.size)}, ${facts.type}${facts.tran === null ? "" : ` behind ${facts.tran}`}`,
          "to do": "see whether 'device' and 'size' in boards.yaml are the card's",
        },
      },
    );
  return { path: facts.path, bytes: facts.size, number: facts["maj:min"] };
}

/** `major:minor` of a device's number (makedev(3), as glibc packs it). */
export const deviceNumber = (dev: number): string => {
  const number = BigInt(dev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
  const minor = (number & 0xffn) | ((number >> 12n) & ~0xffn);
  return `${major}:${minor & 0xffffffffn}`;
};

/** All that speaks against writing it, worst first, each as the end of a sentence. Pure. */
export function whyNot(
  facts: BlockFacts,
  { size }: CardWish,
  ownNumbers: ReadonlySet<string>,
): readonly string[] {
  const all = withChildren(facts);
  const [, ...below] = all;
  const mounts = all.flatMap(({ mountpoints }) => mountpoints.filter((at) => at !== null));
  const isCard = facts.tran === "usb" || facts.tran === "mmc" || /^mmcblk\d+$/.test(facts.name);
  const range = `${formatBytes(size.least)} to ${formatBytes(size.most)}`;
  const holders = below.filter(({ type }) => type !== "part");
  return [
    all.some((one) => ownNumbers.has(one["maj:min"])) &&
      "this host, or what this run writes, lives on it",
    mounts.some((at) => at === "[SWAP]") && "this host swaps on it",
    mounts.some((at) => at !== "[SWAP]") && `it is mounted at ${mounts.join(", ")}`,
    holders.length > 0 &&
      `something of this host stands on it (${holders.map(({ name, type }) => `${name}, ${type}`).join("; ")})`,
    facts.type !== "disk" && `it is not a whole disk but a ${facts.type}`,
    !(isCard || (facts.rm && facts.hotplug)) &&
      "it is neither behind USB nor in a card slot, as a card would be",
    (facts.size < size.least || facts.size > size.most) &&
      `it has ${formatBytes(facts.size)}, and the card has ${range}`,
    facts.ro && "it cannot be written: see its lock switch",
  ].filter((reason) => reason !== false);
}

const withChildren = (facts: BlockFacts): readonly BlockFacts[] => [
  facts,
  ...(facts.children ?? []).flatMap(withChildren),
];
