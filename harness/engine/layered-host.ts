/** A host with a layered package, as stories make one of an image, and what bootc has to say of it. */
import { CannotTell, CommandFailed, ExpectationFailed } from "../base/errors.ts";
import { quoteArgument } from "../base/quote.ts";
import type { Guest } from "../guest/guest.ts";
import { originNames } from "../guest/tools/image-reference.ts";
import { deploymentPath } from "../guest/tools/ostree.ts";
import { changeRows, localChanges, rpmOstreeOf } from "../guest/tools/rpm-ostree.ts";
import { overrideWords } from "./base-packages.ts";
import { expectEqual, expectThat } from "./expect.ts";
import { layeredPackage, layeredPackageText } from "./layered-package.ts";
import { prepareGuest } from "./prepare-guest.ts";
import type { RpmRepository } from "./scenario.ts";

const encoded = "/var/tmp/bootgate-layered.txt";
const file = `/var/tmp/${layeredPackage.nevra}.rpm`;

/** Ends the story by `skip` where nothing can be layered on this system. */
export async function needLayering(guest: Guest, skip: (reason: string) => never): Promise<void> {
  if ((await guest.backend()) !== "ostree")
    skip(
      "bootc's composefs backend does not have ostree's deployments, which rpm-ostree works on.",
    );
  if ((await rpmOstreeOf(guest).status()) === null) skip("The image does not have rpm-ostree.");
  if (locksLayering(await guest.files.read(settings)))
    skip(`The image does not allow layered packages (LockLayering in ${settings}).`);
}

const settings = "/etc/rpm-ostreed.conf";

/** Whether rpm-ostreed.conf(5) forbids layering, in the boolean words of a GKeyFile; the last one counts. Pure. */
export function locksLayering(text: string | null): boolean {
  const lines = [...(text ?? "").matchAll(/^[ \t]*LockLayering[ \t]*=[ \t]*(\w{1,10})/gm)];
  return /^(?:true|1)$/.test(lines.at(-1)?.[1] ?? "");
}

/** Renames what rpm-ostree would read as a repository, or gives it its name back. */
const renameRepositories = (from: string, to: string): string =>
  `sh -c ${quoteArgument(
    `for f in /etc/yum.repos.d/*${from}; do [ ! -e "$f" ] || mv "$f" "\${f%${from}}${to}" || exit 1; done`,
  )}`;

/** Who is at fault where a repository cannot be had: the network that the harness has closed, and nobody's image. */
const wantsRepositories = /Updating rpm-md repo|cannot update repo|No enabled repositories/i;

/**
 * Layers the package by rpm-ostree, which stages a deployment that has it. With a repository it has one package of the base replaced and one removed by the same
 * command (`base-packages.ts`). rpm-ostree asks all repositories even where nothing but a
 * file is installed (coreos/rpm-ostree#4910, #4745), and a guest's network is closed: meanwhile they are out of its sight. Throws
 * CannotTell where the file could not be brought, repositories are asked all the same, or rpm-ostree does nothing for a package of the base, and
 * CommandFailed where rpm-ostree does not take the package: it asks for nothing, so that is the image's fault.
 */
export async function layerPackage(guest: Guest, rpms?: RpmRepository): Promise<void> {
  await guest.files.write(encoded, layeredPackageText);
  await prepareGuest(
    guest,
    "given a package to layer",
    `sh -c ${quoteArgument(`base64 -d ${encoded} | gzip -dc > ${file} && rm ${encoded}`)}`,
  );
  const hidden = ".repo.bootgate";
  await prepareGuest(guest, "kept from its repositories", renameRepositories(".repo", hidden));
  const words =
    rpms === undefined ? ["install", file] : [...overrideWords(rpms), `--install=${file}`];
  const said = await rpmOstreeOf(guest)
    .run(...words)
    .catch(unlessClosed);
  const [inactive] = /^Inactive base (?:removals|replacements):[\s\S]{0,500}/m.exec(said) ?? [];
  // An image whose packages came after rpm-ostree composed it: a limit of rpm-ostree (coreos/rpm-ostree#5625), whose exit code is 0.
  if (inactive !== undefined)
    throw new CannotTell(
      "rpm-ostree does not take the packages that are to be replaced and removed for packages of the base.",
      { details: { said: inactive }, lookAt: guest.lookAt },
    );
  await prepareGuest(guest, "given its repositories back", renameRepositories(hidden, ".repo"));
}

/** The package of the harness is not signed, and a system may be set to take signed ones alone (rpm, `%_pkgverify_level`; coreos/rpm-ostree#5540). */
const wantsSignature =
  /does not verify: no (?:digest|signature)|signature .{0,80}not signed|is not signed/i;

function unlessClosed(error: unknown): never {
  if (!(error instanceof CommandFailed)) throw error;
  const stderr = error.details["stderr"] ?? "";
  const ours = [
    [
      wantsRepositories,
      "rpm-ostree wants repositories to layer a package from a file, and the guest cannot reach any.",
    ],
    [wantsSignature, "This system takes signed packages alone, and the harness's is not signed."],
  ] as const;
  const found = ours.find(([words]) => words.test(stderr));
  if (found === undefined) throw error;
  throw new CannotTell(found[1], { cause: error, details: { stderr }, lookAt: error.lookAt });
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
export async function expectBootcRefuses(
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
 * The origin of the booted deployment has the group `origin` with the reference of this image alone, which `bootc upgrade` goes by; rpm-ostree's groups, which would
 * make it incompatible again, are gone (bootc, `origin_from_imageref`).
 */
export async function expectOriginOfImage(guest: Guest, image: string): Promise<void> {
  // bootc tells the stateroot since 1.3.0, ostree always.
  const booted = await guest.ostree.booted();
  if (booted === undefined)
    throw new ExpectationFailed("ostree does not tell a booted deployment.", {
      lookAt: guest.lookAt,
    });
  const path = `${deploymentPath(booted)}.origin`;
  const lines = ((await guest.files.read(path)) ?? "")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const [group, entry, ...others] = lines;
  const [, reference] = /^container-image-reference=(.+)$/.exec(entry ?? "") ?? [];
  const told = {
    expected: `[origin]\ncontainer-image-reference=…${image}`,
    got: lines.join("\n").slice(0, 1000),
  };
  expectThat(
    group === "[origin]" && reference !== undefined && others.length === 0,
    "The origin of the booted deployment does not name an image alone.",
    told,
  );
  expectThat(
    originNames(reference.trim(), image),
    "The origin of the booted deployment names another image, which the next upgrade would bring.",
    told,
  );
}

/** How bootc says that it does not switch a host for what is layered on it. */
const refusesLayers = /local rpm-ostree modifications|layered packages|incompatible/i;

/**
 * `bootc switch` of a host with layered packages. False where it is refused for them and nothing is staged, which is as good as to drop them: upstream has no check
 * there (bootc, `switch_ostree`). Throws ExpectationFailed where it fails for another reason.
 */
export async function switchLayered(guest: Guest, image: string): Promise<boolean> {
  const { exitCode, stderr } = await guest.bootc.trySwitch(image);
  if (exitCode === 0) return true;
  const { staged } = (await guest.bootc.status()).status;
  expectThat(refusesLayers.test(stderr), "bootc does not switch, and not for what is layered.", {
    stderr: stderr.slice(0, 1000),
  });
  expectEqual("The staged deployment", staged, null);
  return false;
}
