/**
 * Programs of another architecture than the host's: QEMU's user emulation runs them, where the kernel is told so by a rule of
 * binfmt_misc. A host that has such a rule is used as it is. Else the build gets one of its own, in a user namespace
 * (`scripts/in-foreign.py`), and the host stays as it is. A kernel that does not know that is refused, with what to do.
 */
import { readdir, readFile } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import type { CommandOutput } from "../../harness/base/process.ts";
import type { Architecture } from "../image.ts";

/** Node's names of architectures. */
const nodeNames: Readonly<Record<Architecture, string>> = { x86_64: "x64", aarch64: "arm64" };

/** Whether this host's own programs are of that architecture. */
export const isNative = (architecture: Architecture, host: string = arch()): boolean =>
  nodeNames[architecture] === host;

/** How programs of an architecture are run: by the host itself, by a rule that it has, or by one of our own. */
export type ForeignWay =
  | { readonly kind: "host" }
  | { readonly kind: "own"; readonly rule: string };

export interface ForeignPlaces {
  /** Rules that the kernel has. */
  readonly kernel?: string;
  /** Rules that packages brought, binfmt.d(5). */
  readonly rules?: readonly string[];
}

/**
 * Whether a rule of the kernel serves a chroot: it is enabled, and the emulator was opened when the rule was made (`F`), since
 * a tree does not have it. Pure; `text` is what the kernel says of the rule.
 */
export function servesChroots(text: string, architecture: Architecture): boolean {
  const lines = text.split("\n");
  const value = (word: string): string =>
    lines.find((line) => line.startsWith(word))?.slice(word.length) ?? "";
  const isOurs = new RegExp(`(?:^|/)(?:qemu-)?${architecture}(?:-|$)`).test(value("interpreter "));
  return lines[0] === "enabled" && isOurs && value("flags: ").includes("F");
}

async function hostHasRule(architecture: Architecture, folder: string): Promise<boolean> {
  for (const name of await readdir(folder).catch(() => [] as string[])) {
    if (name === "register" || name === "status") continue;
    const text = await readFile(join(folder, name), "utf8").catch(() => "");
    if (servesChroots(text, architecture)) return true;
  }
  return false;
}

/** What installs QEMU's user emulation, with rules for the kernel. */
export const userEmulation = {
  apt: "qemu-user-static",
  dnf: "qemu-user-static-aarch64",
} as const;

/** Finds the way. Throws HostUnfit where QEMU's user emulation is not installed. */
export async function findForeignWay(
  architecture: Architecture,
  { kernel = "/proc/sys/fs/binfmt_misc", rules = ["/usr/lib/binfmt.d"] }: ForeignPlaces = {},
): Promise<ForeignWay> {
  if (isNative(architecture)) return { kind: "host" };
  if (await hostHasRule(architecture, kernel)) return { kind: "host" };
  for (const folder of rules) {
    const names = await readdir(folder).catch(() => [] as string[]);
    const name = names.find((one) =>
      new RegExp(`^qemu-${architecture}(?:-static)?\\.conf$`).test(one),
    );
    if (name !== undefined) return { kind: "own", rule: join(folder, name) };
  }
  throw new HostUnfit(
    `The reference OS for ${architecture} is built by its own programs, and this ${arch()} host cannot run them.`,
    {
      details: {
        install: `apt install ${userEmulation.apt}, or dnf install qemu-user-static-${architecture === "x86_64" ? "x86" : architecture}`,
      },
    },
  );
}

/** Exit code of `in-foreign.py` where the kernel does not have rules for a user namespace. */
const notHere = 90;

/** Why a trial of our own rule failed. Throws nothing where it did not. */
export function requireOwnRule(architecture: Architecture, trial: CommandOutput): void {
  if (trial.exitCode === 0) return;
  const said =
    trial.stderr.trim().split("\n").at(-1)?.slice(0, 300) || `exit code ${trial.exitCode}`;
  throw new HostUnfit(
    `The reference OS for ${architecture} is built by its own programs, and this kernel was not told how to run them.`,
    {
      details: {
        reason:
          trial.exitCode === notHere
            ? `it does not have rules of binfmt_misc for one build alone, which came with Linux 6.7: ${said}`
            : said,
        "to do": "sudo systemctl restart systemd-binfmt",
        "without systemd": `sudo sh -c 'mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc; cat /usr/lib/binfmt.d/qemu-${architecture}*.conf > /proc/sys/fs/binfmt_misc/register'`,
      },
    },
  );
}
