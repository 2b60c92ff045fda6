/**
 * Makes a guest follow the reference a story needs. A vendor's disk follows its vendor, so this is the harness's act on
 * the guest: whatever goes wrong in it is never the image's fault.
 */
import { type Deviation, deviation } from "../base/deviations.ts";
import {
  BootFailed,
  BootgateError,
  CannotTell,
  ExpectationFailed,
  quoting,
} from "../base/errors.ts";
import { commands } from "../guest/commands.ts";
import { excerptEnd, excerptStart } from "../guest/excerpt.ts";
import type { Guest } from "../guest/guest.ts";
import type { BootcHost } from "../guest/tools/bootc.ts";
import { describeReference, followsReference } from "../guest/tools/image-reference.ts";
import type { Reference } from "./scenario.ts";

const remedy = (reference: Reference): string =>
  `build the disk so that it follows ${reference} ('bootc install' has --target-imgref for it)`;

/**
 * Changes what the booted deployment follows where it is another reference; returns the deviation to report, or null
 * where nothing had to be done. Throws CannotTell when it cannot be done, and what the status reader throws before it
 * is tried.
 */
export async function followReference(
  guest: Guest,
  reference: Reference,
): Promise<Deviation | null> {
  const before = await guest.bootc.status();
  if (followsReference(before.spec.image, reference)) return null;
  const old = excerptStart(describeReference(before.spec.image), 200);
  refuseWhatCannotWork(guest, before, old, reference);
  try {
    await changeOrigin(guest, old, reference);
  } catch (error) {
    throw ours(guest, error, reference);
  }
  return deviation("origin-changed", old, reference);
}

/** The composefs backend keeps no origin that could be changed in place (seen with bootc 1.16.9: `No such file or directory`). */
function refuseWhatCannotWork(
  guest: Guest,
  { status: { booted } }: BootcHost,
  old: string,
  reference: Reference,
): void {
  if (booted?.image === null)
    throw new ExpectationFailed("The booted deployment is not from a container image.", {
      details: {
        deployment: booted.incompatible
          ? "it has local changes of rpm-ostree"
          : `ostree commit ${booted.ostree?.checksum.slice(0, 12) ?? "unknown"}`,
      },
    });
  if (booted?.composefs == null) return;
  throw new CannotTell(
    quoting`The disk follows ${old}; this story needs one that follows ${reference}.`,
    {
      details: {
        guest: guest.name,
        why: "a deployment of bootc's composefs backend cannot be told to follow another reference",
        "to do": remedy(reference),
      },
    },
  );
}

async function changeOrigin(guest: Guest, old: string, reference: Reference): Promise<void> {
  const command = commands.bootcFollow(reference);
  const result = await guest.exec(command);
  const { spec } = result.exitCode === 0 ? await guest.bootc.status() : { spec: null };
  if (spec !== null && followsReference(spec.image, reference)) return;
  const now = excerptStart(describeReference(spec?.image ?? null), 200);
  throw new CannotTell(
    quoting`Guest '${guest.name}' follows ${old} and could not be made to follow ${reference}.`,
    {
      details: {
        command,
        "exit code": String(result.exitCode ?? "none, it was ended by a signal"),
        stderr: excerptEnd(result.stderr, 1000) || undefined,
        stdout: excerptEnd(result.stdout, 1000) || undefined,
        status: spec === null ? undefined : `it follows ${now} afterwards`,
        "to do": remedy(reference),
      },
    },
  );
}

/** What the harness does to a guest is not the image's fault; a kernel that dies of it is. */
function ours(guest: Guest, error: unknown, reference: Reference): unknown {
  if (!(error instanceof BootgateError) || error.blame !== "image" || error instanceof BootFailed)
    return error;
  return new CannotTell(`Guest '${guest.name}' could not be made to follow ${reference}.`, {
    cause: error,
    details: { why: error.headline, ...error.details, "to do": remedy(reference) },
    lookAt: error.lookAt,
  });
}
