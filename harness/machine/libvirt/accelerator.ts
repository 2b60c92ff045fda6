/**
 * Which accelerator the domains get. libvirt tells what its QEMU offers, which does not prove that a kernel runs under it
 * (`qemu/accelerator.ts`), so KVM is taken only where the harness's own probe has seen one run on this host.
 */
import { HostUnfit } from "../../base/errors.ts";
import {
  type Accelerator,
  type AcceleratorAnswer,
  findAccelerator,
  type ProbeOptions,
} from "../qemu/accelerator.ts";
import type { Virsh } from "./virsh.ts";

export type DomainAnswer = AcceleratorAnswer;

export interface DomainProbe extends Omit<ProbeOptions, "probeKernel" | "probeMs"> {
  readonly accelerator?: Accelerator;
  readonly probeKernel?: string;
  readonly probeMs?: number;
}

/** Finds it. Throws HostUnfit where libvirt does not offer what was asked for, or nothing at all. */
export async function findDomainAccelerator(
  virsh: Virsh,
  { accelerator: asked, ...probe }: DomainProbe,
): Promise<DomainAnswer> {
  const offers = async (type: "kvm" | "qemu"): Promise<boolean> => {
    const words = ["domcapabilities", "--virttype", type, "--arch", "x86_64", "--machine", "q35"];
    const output = await virsh.attempt(words, probe.signal);
    return output.exitCode === 0;
  };
  const require = async (answer: DomainAnswer): Promise<DomainAnswer> => {
    if (await offers(answer.accelerator === "kvm" ? "kvm" : "qemu")) return answer;
    throw new HostUnfit(
      `libvirt at '${virsh.uri}' does not offer '${answer.accelerator}' for x86_64.`,
      { lookAt: `virsh --connect ${virsh.uri} domcapabilities` },
    );
  };
  if (asked !== undefined) return require({ accelerator: asked, reason: "It was asked for." });
  const own = await findAccelerator(probe);
  if (own.accelerator === "kvm" && !(await offers("kvm")))
    return require({
      accelerator: "tcg",
      reason: `KVM works here, but libvirt at '${virsh.uri}' does not offer it.`,
    });
  return require(own);
}
