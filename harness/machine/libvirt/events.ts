/**
 * What libvirt tells of a domain while it lives, as `virsh event` and `virsh qemu-monitor-event` print it (virsh(1)).
 * Lines are read as they come. Pure but for the splitting of lines.
 */
import type { QmpEvent } from "../qemu/qmp.ts";

/** A domain's life: `Started Booted`, `Stopped Destroyed`. */
export interface LifecycleEvent {
  readonly domain: string;
  readonly event: string;
  readonly detail: string;
}

const lifecycle = /^event 'lifecycle' for domain '([^']{1,300})': (\w+)(?: (.{0,100}))?$/;
const monitor = /^event (\w{1,100})(?: at [\d.]{1,30})? for domain '([^']{1,300})': (.*)$/;

/** One line of `virsh event --event lifecycle`; null for anything else. */
export function parseLifecycle(line: string): LifecycleEvent | null {
  const [, domain, event, detail = ""] = lifecycle.exec(line.trim()) ?? [];
  return domain === undefined || event === undefined ? null : { domain, event, detail };
}

/** One line of `virsh qemu-monitor-event`: an event of QEMU's monitor; null for anything else. */
export function parseMonitorEvent(line: string): (QmpEvent & { readonly domain: string }) | null {
  const [, name, domain, text = ""] = monitor.exec(line.trim()) ?? [];
  if (name === undefined || domain === undefined) return null;
  return { name, domain, data: dataOf(text) };
}

function dataOf(text: string): QmpEvent["data"] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** What a guest can make QEMU say in one line is short; a longer one is not kept. */
const maxLine = 64 * 1024;

/** Cuts what comes in pieces into lines. */
export function lineSplitter(onLine: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(-maxLine);
    for (const line of lines) onLine(line);
  };
}
