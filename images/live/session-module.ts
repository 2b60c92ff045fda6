/**
 * pam_systemd, by which a login becomes a session of logind's. The reference OS leaves it out, since each login over SSH
 * would be one too; a live medium cannot do without. It comes from the suite that the reference OS is made of.
 */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit } from "../../harness/base/errors.ts";
import { runCommand } from "../../harness/base/process.ts";
import { baseSuite, namedMirror } from "../reference/base-packages.ts";
import { fillSlot } from "../reference/cache-slot.ts";
import { type BuildContext, giveToUs, runMounting } from "../reference/privileged.ts";
import { liveSlotKinds } from "./kinds.ts";

const modulePackage = "libpam-systemd";
const inPackage = "usr/lib/x86_64-linux-gnu/security/pam_systemd.so";

/** Where it is in a root. */
export const modulePath = `/${inPackage}`;

/** The file, fetched where it is not in the cache. Throws HostUnfit where it cannot be had. */
export async function provideSessionModule(
  options: BuildContext & { readonly cacheDir: string },
): Promise<string> {
  const key = createHash("sha256").update(`${baseSuite} ${modulePackage}`).digest("hex");
  const slot = join(options.cacheDir, liveSlotKinds[1], key.slice(0, 12));
  return join(await fillSlot(slot, (folder) => fetchModule(folder, options), options), inPackage);
}

async function fetchModule(folder: string, context: BuildContext): Promise<void> {
  context.onProgress(`fetching ${modulePackage} of Debian ${baseSuite}`);
  const fetched = join(folder, "fetched");
  // A root without any package, whose apt knows the suite; mmdebstrap(1), HOOKS.
  const download = `cd "$1" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -o APT::Sandbox::User=root download ${modulePackage}`;
  await runMounting(
    "mmdebstrap",
    [
      ...["--quiet", "--variant=custom", "--format=directory"],
      '--aptopt=Acquire::Check-Valid-Until "false"',
      `--customize-hook=${download}`,
      ...[baseSuite, fetched, ...namedMirror()],
    ],
    context,
  );
  await giveToUs(fetched, context.signal);
  const file = (await readdir(fetched)).find((name) => name.endsWith(".deb"));
  if (file === undefined) throw new HostUnfit(`${modulePackage} could not be fetched.`);
  await runCommand("dpkg-deb", ["-x", join(fetched, file), folder], context);
}
