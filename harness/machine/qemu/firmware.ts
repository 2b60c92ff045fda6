/**
 * Finds firmware the way QEMU documents it (docs/interop/firmware.json): JSON descriptors in three folders, sorted by
 * file name, a name in an earlier folder masking the same name in a later one, an empty file masking without offering.
 * No path of any distribution's firmware is written down here.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { HostUnfit } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import { homeFolder } from "../../base/user.ts";
import type { Firmware } from "../machine.ts";
import type { ArchitectureFacts } from "./facts.ts";

const file = z.object({ filename: z.string().min(1), format: z.enum(["raw", "qcow2"]) });

/** Other mappings (memory, kernel) exist; they are read and never chosen. */
const descriptor = z.object({
  description: z.string(),
  "interface-types": z.array(z.string()),
  mapping: z.discriminatedUnion("device", [
    z.object({
      device: z.literal("flash"),
      mode: z.string().default("split"),
      executable: file,
      "nvram-template": file.optional(),
    }),
    z.object({ device: z.literal("memory") }),
    z.object({ device: z.literal("kernel") }),
  ]),
  targets: z.array(z.object({ architecture: z.string(), machines: z.array(z.string()) })),
  features: z.array(z.string()),
});

export type FirmwareDescriptor = z.infer<typeof descriptor>;

/** Parses one descriptor; null when it is not one (newer QEMU may add kinds that are none of our business). */
export function parseDescriptor(text: string): FirmwareDescriptor | null {
  try {
    return descriptor.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** What was chosen: a flash image and the template of its variable store. */
export interface FlashFirmware {
  readonly description: string;
  readonly code: { readonly path: string; readonly format: "raw" | "qcow2" };
  readonly varsTemplate: { readonly path: string; readonly format: "raw" | "qcow2" };
  readonly needsSmm: boolean;
}

export interface FirmwareWish {
  readonly architecture: string;
  /** Full machine name, `pc-q35-7.2`. */
  readonly machine: string;
  readonly firmware: Exclude<Firmware, "bios">;
  /** With Secure Boot: its variable store is to be empty, for keys that are brought. Default: it has those that machines come with. */
  readonly ownKeys?: boolean;
}

/** The folders of descriptors, first is strongest. */
export function descriptorFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const home = homeFolder();
  const user = env.XDG_CONFIG_HOME || (home === null ? null : join(home, ".config"));
  const own = user === null ? [] : [join(user, "qemu/firmware")];
  return [...own, "/etc/qemu/firmware", "/usr/share/qemu/firmware"];
}

/** Reads all descriptors that are not masked, in order of preference. */
export async function readDescriptors(folders: readonly string[]): Promise<FirmwareDescriptor[]> {
  const texts = new Map<string, string>();
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => [] as string[]);
    for (const name of names) {
      if (!name.endsWith(".json") || texts.has(name)) continue;
      const text = await readFile(join(folder, name), "utf8").catch(() => null);
      if (text !== null) texts.set(name, text);
    }
  }
  return [...texts]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .flatMap(([, text]) => parseDescriptor(text) ?? []);
}

/** fnmatch(3) with `*` alone, which is all that descriptors use. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split("*");
  const [head = ""] = parts;
  const tail = parts.at(-1) ?? "";
  if (parts.length === 1) return pattern === name;
  if (!name.startsWith(head) || !name.endsWith(tail)) return false;
  let at = head.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= name.length - tail.length;
}

/** All that fit the wish, best first. Pure. */
export function fittingFirmware(
  descriptors: readonly FirmwareDescriptor[],
  { architecture, machine, firmware, ownKeys = false }: FirmwareWish,
): FlashFirmware[] {
  const secure = firmware === "uefi-secure-boot";
  return descriptors.flatMap(({ mapping, features, targets, description, ...rest }) => {
    const fitsMachine = targets.some(
      (target) =>
        target.architecture === architecture &&
        target.machines.some((pattern) => matches(pattern, machine)),
    );
    const enforces =
      features.includes("secure-boot") && features.includes("enrolled-keys") !== ownKeys;
    const confidential = features.some((name) => /^(?:amd-sev-snp|intel-tdx)$/.test(name));
    if (!fitsMachine || confidential || !rest["interface-types"].includes("uefi")) return [];
    if (mapping.device !== "flash" || mapping.mode !== "split") return [];
    // Plain UEFI means without any part of Secure Boot: a firmware that could enforce it needs SMM and is slower.
    if (secure ? !enforces : features.includes("secure-boot")) return [];
    const vars = mapping["nvram-template"];
    if (vars === undefined) return [];
    return {
      description,
      code: { path: mapping.executable.filename, format: mapping.executable.format },
      varsTemplate: { path: vars.filename, format: vars.format },
      needsSmm: features.includes("requires-smm"),
    };
  });
}

/** Throws HostUnfit for a kind of firmware that the machines of an architecture never have. */
export function requireKind(
  firmware: Firmware,
  architecture: string,
  { builtInBios }: Pick<ArchitectureFacts, "builtInBios">,
): void {
  if (firmware !== "bios" || builtInBios) return;
  throw new HostUnfit(`A BIOS for ${architecture} does not exist; its machines start by UEFI.`);
}

/** Finds firmware files that are there, or null for QEMU's built-in BIOS. Throws HostUnfit when the host has none. */
export async function findFirmware(
  firmware: Firmware,
  architecture: string,
  facts: ArchitectureFacts,
  folders: readonly string[] = descriptorFolders(),
  ownKeys = false,
): Promise<FlashFirmware | null> {
  requireKind(firmware, architecture, facts);
  if (firmware === "bios") return null;
  const wish = { architecture, machine: facts.firmwareMachine, firmware, ownKeys };
  const fitting = fittingFirmware(await readDescriptors(folders), wish);
  const missing: string[] = [];
  for (const choice of fitting) {
    const paths = [choice.code.path, choice.varsTemplate.path];
    const absent = await Promise.all(
      paths.map(async (path) => ((await exists(path)) ? [] : [path])),
    );
    if (absent.flat().length === 0) return choice;
    missing.push(...absent.flat());
  }
  throw new HostUnfit(
    `This host has no firmware '${firmware}'${ownKeys ? " without keys" : ""} for ${architecture} (${facts.machine.split(",")[0]}).`,
    {
      details: {
        searched: folders.join(", "),
        missing: missing.length === 0 ? undefined : missing.join(", "),
        install: facts.packages,
      },
      lookAt: "npm run -s bootgate -- doctor",
    },
  );
}
