/** libvirt as an entry of the driver registry: what a command line may say to it, and how it is made. */
import { z } from "zod";
import type { DriverHost } from "../qemu/module.ts";
import { createLibvirtDriver, type LibvirtDriver } from "./driver.ts";

/** What a command line or a file may say to this driver. */
export const libvirtOptions = z.strictObject({
  uri: z.string().min(1, "expected a URI such as qemu:///session").max(500).optional(),
  accelerator: z.enum(["auto", "kvm", "tcg"]).default("auto"),
  kvmProbeSeconds: z.number().positive().max(3600).default(15),
});

/** Makes the driver. Throws UsageError for a URI that is not QEMU's and HostUnfit for what the host lacks. */
export const openLibvirt = (
  { uri, accelerator, kvmProbeSeconds }: z.output<typeof libvirtOptions>,
  host: DriverHost,
): Promise<LibvirtDriver> =>
  createLibvirtDriver({
    ...host,
    ...(uri === undefined ? {} : { uri }),
    ...(accelerator === "auto" ? {} : { accelerator }),
    probeMs: kvmProbeSeconds * 1000,
  });
