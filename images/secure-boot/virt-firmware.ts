/**
 * virt-fw-vars(1) of virt-firmware, by which keys get into the variable store of a firmware: the host's own where it has one
 * (Fedora's and newer Debian's python3-virt-firmware), else from PyPI by `requirements.txt`, exact and with hashes.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { packageRoot } from "../../harness/base/package-root.ts";
import { attemptCommand, runCommand } from "../../harness/base/process.ts";
import { fillSlot } from "../reference/cache-slot.ts";

const requirements = join(packageRoot, "images", "secure-boot", "requirements.txt");

/** A program, and what it needs to be started with. */
export interface VirtFwVars {
  readonly file: string;
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Throws HostUnfit, with the packages to install, where it is not there and cannot be fetched. */
export async function provideVirtFwVars(options: {
  readonly cacheDir: string;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<VirtFwVars> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const file = join(folder, "virt-fw-vars");
    if (await exists(file)) return { file, words: [] };
  }
  const python = await findPython(options.signal);
  const key = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex");
  const slot = join(options.cacheDir, "virt-firmware", key.slice(0, 12));
  const folder = await fillSlot(slot, (draft) => install(draft, options), options);
  const words = ["-m", "virt.firmware.vars"];
  return { file: python, words, env: { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1" } };
}

/** Interpreters to try: one that a person put before the distribution's may lack what the distribution's has. */
const interpreters = ["python3", "/usr/bin/python3"] as const;

/** One that has cryptography, which is made for one interpreter and one machine, so that it is the distribution's to bring. */
async function findPython(signal: AbortSignal): Promise<string> {
  for (const python of interpreters) {
    const tried = attemptCommand(python, ["-c", "import cryptography"], { signal });
    const works = await tried.then(
      ({ exitCode }) => exitCode === 0,
      () => false,
    );
    signal.throwIfAborted();
    if (works) return python;
  }
  throw new HostUnfit("This host cannot put keys into a firmware: it does not have virt-fw-vars.", {
    details: {
      install:
        "dnf install python3-virt-firmware; apt install python3-virt-firmware, or python3-cryptography and python3-pip where there is none",
    },
  });
}

async function install(
  folder: string,
  { onProgress, signal }: Parameters<typeof provideVirtFwVars>[0],
): Promise<void> {
  onProgress("fetching virt-firmware");
  const how = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore"];
  await runCommand(
    "python3",
    [
      ...["-m", "pip", "install", ...how, "--no-deps", "--require-hashes", "--no-compile"],
      ...["--target", folder, "--requirement", requirements],
    ],
    { signal, timeoutMs: 300_000 },
  );
}
