/** A host with a layered package, as stories make one of an image, and what bootc has to say of it. */
import { ExpectationFailed } from "../base/errors.ts";
import { quoteArgument } from "../base/quote.ts";
import type { Guest } from "../guest/guest.ts";
import { changeRows, localChanges, rpmOstreeOf } from "../guest/tools/rpm-ostree.ts";
import { expectEqual, expectThat } from "./expect.ts";
import { layeredPackage, layeredPackageText } from "./layered-package.ts";
import { prepareGuest } from "./prepare-guest.ts";

const encoded = "/var/tmp/bootgate-layered.txt";
const file = `/var/tmp/${layeredPackage.nevra}.rpm`;

/** Ends the story by `skip` where nothing can be layered on this system. */
export async function needLayering(guest: Guest, skip: (reason: string) => never): Promise<void> {
  if ((await guest.backend()) !== "ostree")
    skip(
      "bootc's composefs backend does not have ostree's deployments, which rpm-ostree works on.",
    );
  if ((await rpmOstreeOf(guest).status()) === null) skip("The image does not have rpm-ostree.");
}

/**
 * Layers the package by rpm-ostree, which stages a deployment that has it. Throws CannotTell where the file could not be brought, and
 * CommandFailed where rpm-ostree does not take it: it asks for nothing, so that is the image's fault.
 */
export async function layerPackage(guest: Guest): Promise<void> {
  await guest.files.write(encoded, layeredPackageText);
  await prepareGuest(
    guest,
    "given a package to layer",
    `sh -c ${quoteArgument(`base64 -d ${encoded} | gzip -dc > ${file} && rm ${encoded}`)}`,
  );
  await rpmOstreeOf(guest).run("install", file);
}

/** Names of what is layered on the booted deployment and others, as rpm-ostree tells it. */
export async function layeredOn(guest: Guest, slot: "booted" | "staged"): Promise<string[]> {
  const status = await rpmOstreeOf(guest).status();
  const one = status?.deployments.find((deployment) => deployment[slot]);
  if (one === undefined)
    throw new ExpectationFailed(`rpm-ostree does not tell a ${slot} deployment.`, {
      lookAt: guest.lookAt,
    });
  return changeRows(localChanges(one)).flatMap(({ names }) => names);
}

/** bootc calls the booted deployment incompatible and knows no image of it (bootc, `crates/lib/src/status.rs`); the package is there. */
export async function expectLayered(guest: Guest): Promise<void> {
  const { spec, status } = await guest.bootc.status();
  expectEqual("`incompatible` of the booted deployment", status.booted?.incompatible, true);
  expectEqual("The image of the booted deployment", status.booted?.image, null);
  expectEqual("`status.type`", status.type, null);
  expectEqual("`spec.image`", spec.image, null);
  expectEqual(
    "What the layered program says",
    await guest.run`${layeredPackage.program}`,
    layeredPackage.says,
  );
  await guest.run`rpm -q ${layeredPackage.name}`;
}

/** What bootc refuses on such a host: exit code 1 with these words, and nothing changes. */
export async function expectRefused(
  guest: Guest,
  verb: "upgrade" | "rollback",
  words: string,
): Promise<void> {
  const before = await guest.bootc.status();
  const { exitCode, stdout, stderr } = await guest.attempt`bootc ${verb}`;
  expectThat(exitCode === 1 && stderr.includes(words), `\`bootc ${verb}\` is not refused.`, {
    expected: `exit code 1, '${words}' on stderr`,
    got: `exit code ${exitCode}`,
    stderr: stderr.slice(-1000) || undefined,
    stdout: stdout.slice(-500) || undefined,
  });
  expectEqual("The status after it", await guest.bootc.status(), before);
}

/**
 * The origin of the booted deployment has the group `origin` with the image's reference alone; rpm-ostree's groups, which would make it
 * incompatible again, are gone (bootc, `origin_from_imageref`).
 */
export async function expectOriginOfImage(guest: Guest): Promise<void> {
  const { booted } = (await guest.bootc.status()).status;
  const { checksum = "", deploySerial = 0, stateroot } = booted?.ostree ?? {};
  const path = `/ostree/deploy/${stateroot ?? "default"}/deploy/${checksum}.${deploySerial}.origin`;
  const lines = ((await guest.files.read(path)) ?? "")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const [group, reference, ...others] = lines;
  expectThat(
    group === "[origin]" &&
      reference?.startsWith("container-image-reference=") === true &&
      others.length === 0,
    "The origin of the booted deployment does not name an image alone.",
    { expected: "[origin]\ncontainer-image-reference=…", got: lines.join("\n").slice(0, 1000) },
  );
}
