/**
 * What keeps a system's deployments: ostree, or bootc's own composefs backend. A system that has neither is told apart
 * here, in words that say what was looked at, before anything else is asked of bootc.
 */
import { ExpectationFailed } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { type GuestIo, mustExec, requireSuccess } from "../guest-io.ts";
import { namedComposefsImages } from "./composefs-argument.ts";

export type Backend = "ostree" | "composefs";

/** What the system booted from, or null. `/run/ostree-booted` is ostree's mark; the composefs backend does not have it. */
async function findBackend(io: GuestIo): Promise<Backend | null> {
  const marked = await io.exec(commands.ostreeBooted);
  if (marked.exitCode === 0) return "ostree";
  if (marked.exitCode !== 1) requireSuccess(io, marked);
  const { stdout } = await mustExec(io, commands.kernelArguments);
  return namedComposefsImages(stdout).length === 0 ? null : "composefs";
}

/** The backend of this guest. Throws ExpectationFailed on a system that is not image-based. */
export async function readBackend(io: GuestIo): Promise<Backend> {
  const backend = await findBackend(io);
  if (backend !== null) return backend;
  throw await notByBootc(io, "not asked");
}

const toldApart =
  /^This is (?:not a bootc or ostree system|an (?:rpm-)?ostree system without bootc)\.$|^This system booted a composefs image and does not have bootc\.$/;

/** Whether an error is of a guest that told what it is, and that bootc does not manage it: no step of a story is to blame. */
export const isToldApart = (error: unknown): error is ExpectationFailed =>
  error instanceof ExpectationFailed && toldApart.test(error.headline);

/** The error for a system that bootc does not manage. `bootc` says what was found of the program. */
export async function notByBootc(
  io: GuestIo,
  bootc: "the program is not there" | "its status names no booted deployment" | "not asked",
): Promise<ExpectationFailed> {
  const backend = await findBackend(io);
  return new ExpectationFailed(await headline(io, backend, bootc === "the program is not there"), {
    details: {
      bootc,
      ostree: `/run/ostree-booted is ${backend === "ostree" ? "there" : "not there"}`,
      composefs: `the kernel arguments ${backend === "composefs" ? "name" : "do not name"} a composefs image`,
    },
    lookAt: io.lookAt,
  });
}

async function headline(
  io: GuestIo,
  backend: Backend | null,
  withoutBootc: boolean,
): Promise<string> {
  if (backend === null) return "This is not a bootc or ostree system.";
  if (!withoutBootc)
    return `bootc does not know the deployment that this system booted (${backend}).`;
  if (backend === "composefs")
    return "This system booted a composefs image and does not have bootc.";
  const { exitCode } = await io.exec(commands.rpmOstreeVersion);
  return `This is an ${exitCode === 0 ? "rpm-ostree" : "ostree"} system without bootc.`;
}
