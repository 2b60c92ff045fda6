/** QEMU as an entry of the driver registry: what a command line may say to it, and how it is made. */
import { z } from "zod";
import { createQemuDriver, type QemuDriver } from "./driver.ts";
import type { FindVariablesProgram } from "./own-keys.ts";

/** What a command line or a file may say to this driver. */
export const qemuOptions = z.strictObject({
  accelerator: z.enum(["auto", "kvm", "tcg"]).default("auto"),
  kvmProbeSeconds: z.number().positive().max(3600).default(15),
});

export interface DriverHost {
  /** Where what is kept between runs lies. */
  readonly cacheDir: string;
  /** A kernel to probe KVM with when the host's own cannot be read. */
  readonly probeKernel?: string;
  /** What writes the variable store of a firmware that is given keys. Absent: `virt-fw-vars` on the path. */
  readonly variablesProgram?: FindVariablesProgram;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Makes the driver. Throws HostUnfit for what the host lacks. */
export const openQemu = (
  { accelerator, kvmProbeSeconds }: z.output<typeof qemuOptions>,
  host: DriverHost,
): Promise<QemuDriver> =>
  createQemuDriver({
    ...host,
    ...(accelerator === "auto" ? {} : { accelerator }),
    probeMs: kvmProbeSeconds * 1000,
  });
