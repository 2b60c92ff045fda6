/**
 * virt-fw-vars(1) of virt-firmware, by which keys get into the variable store of a firmware: the host's own where it has one
 * (Fedora's and newer Debian's python3-virt-firmware), else from PyPI by `requirements.txt`, exact and with hashes.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { openDraft } from "../../harness/base/draft.ts";
import { HostUnfit } from "../../harness/base/errors.ts";
import { exists } from "../../harness/base/exists.ts";
import { packageRoot } from "../../harness/base/package-root.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import type { VariablesProgram } from "../../harness/base/secure-boot-keys.ts";
import { pipInstall } from "../pip-install.ts";

const requirements = join(packageRoot, "images", "secure-boot", "requirements.txt");

/** The host's own. */
async function onPath(): Promise<string | null> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const file = join(folder, "virt-fw-vars");
    if (await exists(file)) return file;
  }
  return null;
}

/** Throws HostUnfit, with the packages to install, where it is not there and cannot be fetched. */
export async function provideVirtFwVars(options: {
  readonly cacheDir: string;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<VariablesProgram> {
  const found = await onPath();
  if (found !== null) return { file: found, words: [] };
  const python = await findPython("cryptography", options.signal);
  if (python === null) throw unfit();
  const key = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex");
  const { cacheDir } = options;
  const folder = join(cacheDir, "virt-firmware", key.slice(0, 12));
  if (!(await exists(folder))) await fetchInto(folder, options);
  const words = ["-m", "virt.firmware.vars"];
  return { file: python, words, env: { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1" } };
}

/** Interpreters to try: one that a person put before the distribution's may lack what the distribution's has. */
const interpreters = ["python3", "/usr/bin/python3"] as const;

/** One that has this module; null where none has. cryptography is made for one interpreter and one machine, so it is the distribution's to bring. */
async function findPython(module: string, signal: AbortSignal): Promise<string | null> {
  for (const python of interpreters) {
    const works = await attemptCommand(python, ["-c", `import ${module}`], { signal }).then(
      ({ exitCode }) => exitCode === 0,
      () => false,
    );
    signal.throwIfAborted();
    if (works) return python;
  }
  return null;
}

const unfit = (): HostUnfit =>
  new HostUnfit("This host cannot put keys into a firmware: it does not have virt-fw-vars.", {
    details: {
      install:
        "dnf install python3-virt-firmware; apt install python3-virt-firmware, or python3-cryptography and python3-pip where there is none",
    },
  });

/** Plain Python, so any pip will do, and no right but the user's own is needed. */
async function fetchInto(
  folder: string,
  { cacheDir, onProgress, signal }: Parameters<typeof provideVirtFwVars>[0],
): Promise<void> {
  const python = await findPython("pip", signal);
  if (python === null) throw unfit();
  onProgress("fetching virt-firmware");
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true });
  await using draft = await openDraft({ folder: join(parent, ".staging"), cacheDir }, "fetched");
  const words = ["--require-hashes"];
  await pipInstall({ requirements, target: draft.path, python, words, signal });
  // Another process may have been faster with the same.
  await draft.moveTo(folder);
}

/** Where it would come from, in words for a person; null where it cannot be had. */
export async function virtFwVarsWords(signal: AbortSignal): Promise<string | null> {
  const found = await onPath();
  if (found !== null) return found;
  const modules = await Promise.all(
    ["cryptography", "pip"].map((name) => findPython(name, signal)),
  );
  return modules.includes(null) ? null : "fetched from PyPI when keys are given";
}
