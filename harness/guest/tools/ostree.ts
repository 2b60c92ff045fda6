/** ostree and the mounts that prove it: parsers are pure, the reader runs the commands. */
import { z } from "zod";
import { CommandFailed } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { type GuestIo, parseJson, readJson, requireSuccess } from "../guest-io.ts";

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
  /** `ostree admin status --json` (ostree 2025.3 or newer), in boot order. */
  deployments(): Promise<readonly OstreeDeployment[]>;
}

const findmntOutput = z.object({
  filesystems: z
    .array(z.object({ source: z.string(), fstype: z.string(), options: z.string().default("") }))
    .min(1),
});

/** The topmost of the mounts that findmnt lists for one place. */
export function parseFindmnt(text: string, source: { command: string; guest: string }): Mount {
  const { filesystems } = parseJson(findmntOutput, source, text);
  // Mounts over each other are listed in the order they were made: the last one is seen.
  const top = filesystems.at(-1);
  return {
    source: top?.source ?? "",
    fstype: top?.fstype ?? "",
    options: (top?.options ?? "").split(",").filter((option) => option !== ""),
  };
}

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

/** ostree's view of this guest. */
export function createOstree(io: GuestIo): OstreeReader {
  const mount = async (path: string): Promise<Mount | null> => {
    const command = commands.mount(path);
    const result = await io.exec(command);
    if (result.exitCode === 1 && result.stdout === "") return null;
    return parseFindmnt(requireSuccess(io, result).stdout, { command, guest: io.name });
  };
  return {
    mount,
    async rootMount() {
      const root = await mount("/");
      if (root !== null) return root;
      throw new CommandFailed(`findmnt in guest '${io.name}' does not know a mount at /.`, {
        lookAt: io.lookAt,
      });
    },
    deployments: async () => (await readJson(io, ostreeStatus, commands.ostreeStatus)).deployments,
  };
}
