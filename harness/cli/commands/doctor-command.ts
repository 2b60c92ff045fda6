/** `bootgate doctor`: what this host can do and what it lacks, before a run finds out. */

import { arch } from "node:os";
import { join } from "node:path";
import { lackingForSigning } from "../../../fixtures/signing/simple.ts";
import {
  type Architecture,
  hostArchitecture,
  supportedArchitectures,
} from "../../../images/image.ts";
import { virtFwVarsWords } from "../../../images/secure-boot/virt-firmware.ts";
import { HostUnfit, reportError } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { requireCache } from "../../base/places.ts";
import { listShelves, shelvesLimit } from "../../base/shelf-room.ts";
import { formatBytes } from "../../base/units.ts";
import { cacheRoot } from "../../base/workspace.ts";
import { usableProcessors } from "../../engine/cgroup-limits.ts";
import { measureHost, memoryToGive } from "../../engine/host-capacity.ts";
import { versionWords } from "../../machine/libvirt/driver.ts";
import { defaultUri, Virsh } from "../../machine/libvirt/virsh.ts";
import type { Firmware } from "../../machine/machine.ts";
import { defaultProbeMs } from "../../machine/qemu/accelerator.ts";
import { createQemuDriver, type QemuDriver } from "../../machine/qemu/driver.ts";
import { architectureFacts } from "../../machine/qemu/facts.ts";
import { tpmVersion } from "../../machine/qemu/tpm.ts";
import { backportsSuite } from "../../setup/backports.ts";
import { findBuildRights, namespaceWords } from "../../setup/build-rights.ts";
import { emulationWords } from "../../setup/emulation.ts";
import { missingPackages, packageManager } from "../../setup/host-packages.ts";
import { driverOptions } from "../wiring/probe-kernel.ts";
import { openStore } from "./images-command.ts";

interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly found: string;
}

/** Returns 0 when runs are possible, 3 when not. */
export async function doctor(options: {
  readonly json?: boolean;
  readonly kvmProbeSeconds?: number;
}): Promise<ExitCode> {
  const probeMs = (options.kvmProbeSeconds ?? defaultProbeMs / 1000) * 1000;
  const findings = [
    await packages(),
    await namespaces(),
    ...(await inCache(async () => [
      ...(await machines(probeMs)),
      await libvirt(),
      await keysInFirmware(),
      await tpm(),
      await gpg(),
      ...(await resources()),
    ])),
  ];
  if (options.json === true) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else {
    const width = Math.max(...findings.map(({ what }) => what.length));
    for (const { what, ok, found } of findings) {
      process.stdout.write(`${ok ? "ok   " : "lacks"}  ${what.padEnd(width)}  ${found}\n`);
    }
  }
  return findings.every(({ ok }) => ok) ? 0 : 3;
}

/** What is looked for with the help of the cache, or the word that this cannot be used. */
async function inCache(look: () => Promise<Finding[]>): Promise<Finding[]> {
  const cacheDir = cacheRoot();
  try {
    await requireCache(cacheDir);
  } catch (error) {
    return [{ what: "cache", ok: false, found: reportError(error).headline }];
  }
  return look();
}

async function packages(): Promise<Finding> {
  const manager = await packageManager();
  if (manager === null)
    return { what: "packages", ok: false, found: "neither apt nor dnf is here" };
  const missing = await missingPackages(manager, ["run", "build"]);
  return {
    what: "packages",
    ok: missing.length === 0,
    found: missing.length === 0 ? `all there (${manager})` : `missing: ${missing.join(" ")}`,
  };
}

/** Only the build of the reference OS needs them, so that lacking them does not make a host unfit for runs. */
const namespaces = async (): Promise<Finding> => ({
  what: "user namespaces",
  ok: true,
  found: namespaceWords(await findBuildRights()),
});

async function machines(probeMs: number): Promise<Finding[]> {
  try {
    const driver = await createQemuDriver({
      ...(await driverOptions(cacheRoot())),
      onProgress: () => undefined,
      probeMs,
      signal: AbortSignal.timeout(60_000 + probeMs),
    });
    const own = hostArchitecture();
    const hasFirmware = (kind: Firmware) => kind !== "bios" || architectureFacts[own].builtInBios;
    const firmware = await Promise.all(
      (["uefi", "bios", "uefi-secure-boot"] as const).map(async (kind): Promise<Finding> => {
        const refusal = await driver.refuse({ architecture: own, firmware: kind });
        // Only who asks for Secure Boot needs it, so lacking it does not make a host unfit.
        return {
          what: `firmware ${kind}`,
          ok: refusal === null || kind === "uefi-secure-boot" || !hasFirmware(kind),
          found: refusal ?? "found",
        };
      }),
    );
    return [
      { what: "QEMU", ok: true, found: driver.version },
      {
        what: "accelerator",
        ok: true,
        found: `${driver.accelerator}: ${driver.acceleratorReason}`,
      },
      ...(driver.accelerator === "tcg" ? [await emulation(driver.version)] : []),
      ...firmware,
      ...(await Promise.all(
        supportedArchitectures.filter((one) => one !== own).map((one) => others(driver, one)),
      )),
    ];
  } catch (error) {
    return [{ what: "QEMU", ok: false, found: reportError(error).headline }];
  }
}

/** Guests of another architecture are for those who ask for them, so that lacking what they need does not make a host unfit. */
async function others(driver: QemuDriver, architecture: Architecture): Promise<Finding> {
  const refusal = await driver.refuse({ architecture, firmware: "uefi" });
  const found = refusal ?? `emulated by QEMU ${await driver.versionOf(architecture)}`;
  return { what: `guests of ${architecture}`, ok: true, found };
}

/** Only images that are signed by keys of their own need it. */
async function keysInFirmware(): Promise<Finding> {
  const words = await virtFwVarsWords(AbortSignal.timeout(60_000));
  const found = words ?? "virt-fw-vars is missing, and python3-cryptography or pip to fetch it";
  return { what: "keys in a firmware", ok: true, found };
}

/** Only the story of simple signing needs it (`fixtures/signing/simple.ts`). */
async function gpg(): Promise<Finding> {
  const lacking = await lackingForSigning();
  const found = lacking === null ? "gpg and its agent" : `'${lacking}' is not there.`;
  return { what: "signing of images", ok: true, found };
}

/** Only runs with `--tpm` need it. */
async function tpm(): Promise<Finding> {
  const found = await tpmVersion("swtpm")
    .then((version) => `swtpm ${version}`)
    .catch((error: unknown) => {
      if (!(error instanceof HostUnfit)) throw error;
      return `${error.headline} Install it: ${error.details["install"]}.`;
    });
  return { what: "TPM of machines", ok: true, found };
}

/** Only runs with `--machine libvirt` need it, so that lacking it does not make a host unfit. */
async function libvirt(): Promise<Finding> {
  const signal = AbortSignal.timeout(30_000);
  const uri = await defaultUri(signal);
  const found = await new Virsh(uri)
    .run(["version"], signal)
    .then((said) => `QEMU ${versionWords(said)} at ${uri}`)
    .catch((error: unknown) => `cannot be used: ${reportError(error).headline}`);
  return { what: "libvirt", ok: true, found };
}

/** Slow emulation is not a fault: everything works with it, and `doctor` says what would be faster. */
const emulation = async (version: string): Promise<Finding> => ({
  what: "emulation",
  ok: true,
  found: emulationWords(version, arch(), await backportsSuite("/etc")),
});

async function resources(): Promise<Finding[]> {
  const processors = await usableProcessors();
  const host = await measureHost(cacheRoot());
  const memoryMiB = memoryToGive(host);
  const mebi = 1024 * 1024;
  return [
    {
      what: "memory for guests",
      ok: memoryMiB >= 1800,
      found: formatBytes(Math.max(0, memoryMiB) * mebi),
    },
    {
      what: "disk for guests",
      ok: host.diskMiB >= 8192,
      found: formatBytes(Math.max(0, host.diskMiB) * mebi),
    },
    { what: "processors", ok: true, found: String(processors) },
    { what: "cache", ok: true, found: await cacheUse() },
  ];
}

/** How full the caches are. They make room for themselves, so that nothing here makes a host unfit. */
async function cacheUse(): Promise<string> {
  const cacheDir = cacheRoot();
  const states = await listShelves(cacheDir);
  const used = states.reduce((sum, { bytes }) => sum + bytes, 0);
  const words = [`${states.length} states with ${formatBytes(used)}`];
  if (await exists(join(cacheDir, "oci"))) {
    const store = await openStore(new AbortController().signal);
    words.push(`images with ${formatBytes((await store.usage()).total)}`);
  }
  const limit = formatBytes(await shelvesLimit(cacheDir));
  return `${words.join(" and ")}, of ${limit} (${cacheDir})`;
}
