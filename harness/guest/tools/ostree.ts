/** ostree and the mounts that prove it: parsers are pure, the reader runs the commands. */
import { z } from "zod";
import { CommandFailed } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { type GuestIo, mustExec, parseJson, requireSuccess } from "../guest-io.ts";

/** A mount as findmnt(8) tells it. */
export interface Mount {
  readonly source: string;
  readonly fstype: string;
  readonly options: readonly string[];
}

export interface OstreeReader {
  /** `findmnt` of `/`: source, file system and options. */
  rootMount(): Promise<Mount>;
  mount(path: string): Promise<Mount | null>;
  /** All mounts of one place that findmnt lists, the one that is seen last. */
  mounts(path: string): Promise<readonly Mount[]>;
  /** `ostree admin status`, in boot order: as JSON, which came with ostree 2025.3, or as text before. */
  deployments(): Promise<readonly OstreeDeployment[]>;
  /** The one of them that is booted. */
  booted(): Promise<OstreeDeployment | undefined>;
  /** Layers of container images: those that the repository keeps a ref of, and those that the deployments' images have. Sorted. */
  layers(): Promise<{ readonly stored: readonly string[]; readonly needed: readonly string[] }>;
}

/** How ostree-ext names the ref of a layer: what cannot stand in a ref is written as its number (`refescape.rs`). */
const layerRef = /^ostree\/container\/blob\/sha256_3A_([0-9a-f]{64})$/;

/** Digests of the layers that a list of refs names. */
export const parseLayerRefs = (text: string): string[] =>
  text.split("\n").flatMap((line) => {
    const hex = layerRef.exec(line.trim())?.[1];
    return hex === undefined ? [] : [`sha256:${hex}`];
  });

const manifestLayers = z.object({ layers: z.array(z.object({ digest: z.string() })) });

/** A string as GVariant prints it (glib, gvariant-text): in quotes, with escapes for quotes, backslashes, line ends and what cannot be printed. */
function unquoteVariant(text: string): string {
  const quoted = /^(['"])([\s\S]*)\1$/.exec(text.trim())?.[2];
  const named: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
  return (
    quoted?.replace(/\\(?:u([0-9a-f]{4})|(.))/gs, (_, code?: string, char = "") =>
      code === undefined ? (named[char] ?? char) : String.fromCharCode(Number.parseInt(code, 16)),
    ) ?? text
  );
}

const findmntOutput = z.object({
  filesystems: z
    .array(z.object({ source: z.string(), fstype: z.string(), options: z.string().default("") }))
    .min(1),
});

/** The mounts that findmnt lists for one place, in the order in which they were made: the last one is seen. */
export const parseFindmnt = (text: string, source: { command: string; guest: string }): Mount[] =>
  parseJson(findmntOutput, source, text).filesystems.map(({ options, ...mount }) => ({
    ...mount,
    options: options.split(",").filter((option) => option !== ""),
  }));

/** `ostree admin status --json`, since ostree 2025.3. */
const ostreeStatus = z.object({
  deployments: z.array(
    z.object({
      checksum: z.string(),
      stateroot: z.string(),
      serial: z.number().int(),
      index: z.number().int(),
      booted: z.boolean().default(false),
      staged: z.boolean().default(false),
      pending: z.boolean().default(false),
      rollback: z.boolean().default(false),
      pinned: z.boolean().default(false),
      unlocked: z.string().default("none"),
      version: z.string().nullable().default(null),
    }),
  ),
});
export type OstreeDeployment = z.output<typeof ostreeStatus>["deployments"][number];

/** Where a deployment lies; what belongs to it is called by the same name (ostree, `ostree-sysroot.c`). */
export const deploymentPath = ({
  stateroot,
  checksum,
  serial,
}: Pick<OstreeDeployment, "stateroot" | "checksum" | "serial">): string =>
  `/ostree/deploy/${stateroot}/deploy/${checksum}.${serial}`;

/** Layers that the images of deployments have and the repository lacks. */
export const missingLayers = ({
  stored,
  needed,
}: Awaited<ReturnType<OstreeReader["layers"]>>): string[] =>
  needed.filter((digest) => !stored.includes(digest));

/** A deployment's first line: `* default CHECKSUM.SERIAL (rollback)`. */
const statusLine = /^([* ]) (\S+) ([0-9a-f]{64})\.(\d+)((?: \([a-z -]+\))*)$/;

/**
 * Reads what `ostree admin status` prints for people (`ot-admin-builtin-status.c`, seen with 2026.4). It tells one state of several: what
 * is staged is pending too.
 */
export function parseStatusText(text: string): OstreeDeployment[] {
  const found: OstreeDeployment[] = [];
  for (const line of text.split("\n")) {
    const [, mark, stateroot, checksum, serial, states = ""] = statusLine.exec(line) ?? [];
    const last = found.at(-1);
    if (stateroot !== undefined && checksum !== undefined) {
      const staged = /\((?:staged|finalization locked)\)/.test(states);
      found.push({
        ...{ stateroot, checksum, serial: Number(serial), index: found.length, staged },
        booted: mark === "*",
        pending: staged || states.includes("(pending)"),
        rollback: states.includes("(rollback)"),
        ...{ pinned: false, unlocked: "none", version: null },
      });
    } else if (last !== undefined) {
      const [, key, value] =
        /^ {4}(?:\x1b\[[0-9;]*m)*(Version|Unlocked|Pinned): ([^\x1b]*)/.exec(line) ?? [];
      if (key === "Version" && value !== undefined) last.version = value;
      if (key === "Unlocked" && value !== undefined) last.unlocked = value;
      if (key === "Pinned") last.pinned = value === "yes";
    }
  }
  return found;
}

/** ostree's view of this guest. */
export function createOstree(io: GuestIo): OstreeReader {
  const mounts = async (path: string): Promise<readonly Mount[]> => {
    const command = commands.mount(path);
    const result = await io.exec(command);
    if (result.exitCode === 1 && result.stdout === "") return [];
    return parseFindmnt(requireSuccess(io, result).stdout, { command, guest: io.name });
  };
  const mount = async (path: string): Promise<Mount | null> => (await mounts(path)).at(-1) ?? null;
  const deployments = async (): Promise<readonly OstreeDeployment[]> => {
    const told = await io.exec(commands.ostreeStatus);
    // GOption refuses what it does not know in these words.
    if (told.exitCode === 1 && /Unknown option --json/.test(told.stderr))
      return parseStatusText((await mustExec(io, commands.ostreeStatusOld)).stdout);
    const source = { command: commands.ostreeStatus, guest: io.name };
    return parseJson(ostreeStatus, source, requireSuccess(io, told).stdout).deployments;
  };
  return {
    ...{ mount, mounts },
    async rootMount() {
      const root = await mount("/");
      if (root !== null) return root;
      throw new CommandFailed(`findmnt in guest '${io.name}' does not know a mount at /.`, {
        lookAt: io.lookAt,
      });
    },
    deployments,
    booted: async () => (await deployments()).find((deployment) => deployment.booted),
    async layers() {
      const stored = parseLayerRefs((await mustExec(io, commands.ostreeRefs)).stdout);
      const needed = new Set<string>();
      for (const checksum of new Set((await deployments()).map((one) => one.checksum))) {
        const command = commands.ostreeManifest(checksum);
        const { stdout } = await mustExec(io, command);
        const source = { command, guest: io.name };
        const { layers } = parseJson(manifestLayers, source, unquoteVariant(stdout));
        for (const { digest } of layers) needed.add(digest);
      }
      return { stored: [...new Set(stored)].sort(), needed: [...needed].sort() };
    },
  };
}
