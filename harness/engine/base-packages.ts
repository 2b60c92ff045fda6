/**
 * Two packages of a host's base, of which stories have rpm-ostree remove one and replace the other, and what has to be so then in the
 * files and in the package database. They are the harness's own (`images/rpm/packages.ts`; a test holds the two together): what is
 * in somebody's image cannot be had in another version, nor be spared for sure.
 */
import type { Image, PackageStep } from "../../images/image.ts";
import type { Guest } from "../guest/guest.ts";
import { rpmOf } from "../guest/tools/rpm.ts";
import { expectEqual } from "./expect.ts";
import type { RpmRepository, Shelf, Stage } from "./scenario.ts";

export const basePackages = {
  removed: {
    name: "bootgate-lib",
    shipped: "bootgate-lib-1-1.noarch",
    file: "/usr/share/bootgate-lib/about",
    text: "bootgate-lib 1\n",
  },
  replaced: {
    name: "bootgate-tool",
    shipped: "bootgate-tool-1-1.noarch",
    nevra: "bootgate-tool-2-1.noarch",
    file: "/usr/share/bootgate-tool/version",
    /** As it was, and as it is then. */
    texts: ["1\n", "2\n"],
  },
} as const;

const { removed, replaced } = basePackages;

/** What dnf5 does in an image that is to have both, and in one that is to be as the person made the host: by names that dnf5 knows. */
export const basePackageSteps: Readonly<Record<"shipped" | "changed", readonly PackageStep[]>> = {
  shipped: [["install", "bootgate-lib-1", "bootgate-tool-1"]],
  changed: [
    ["remove", "bootgate-lib"],
    ["install", "bootgate-tool-2", "bootgate-layered"],
  ],
};

/** The words by which rpm-ostree replaces the one, from a file that it fetches, and removes the other. */
export const overrideWords = ({ url }: RpmRepository): string[] => [
  "override",
  "replace",
  `${url}${replaced.nevra}.rpm`,
  `--remove=${removed.name}`,
];

/** Whether the booted image has both as they are before anything is changed. */
export async function hasBasePackages(guest: Guest): Promise<boolean> {
  const there = await rpmOf(guest).packages();
  return [removed, replaced].every(({ shipped }) => there.includes(shipped));
}

/**
 * Sees to it that the guest runs an image whose base has both: one that does not is switched to an image that is made of it. Returns what dnf5 has to do in the
 * image that is to follow.
 *
 * rpm-ostree takes the base's packages from the list that it wrote when it composed the image, which dnf5 does not write, and does nothing for others
 * (`src/daemon/rpmostree-sysroot-upgrader.cxx`, `finalize_removal_overrides`; coreos/rpm-ostree#5625). Without that list it asks the
 * package database (`load_base_rsack`; #5250).
 */
export async function bringBase(
  guest: Guest,
  {
    image,
    shelf,
    derive,
  }: { readonly image: Image; readonly shelf: Shelf } & Pick<Stage, "derive">,
): Promise<readonly PackageStep[]> {
  const { shipped, changed } = basePackageSteps;
  if (await hasBasePackages(guest)) return changed;
  const run = ["rm -rf /usr/lib/sysimage/rpm-ostree-base-db"];
  const base = await derive(image, { name: "with-base", packages: shipped, run });
  await guest.bootc.switch(await shelf.publish("os:with-base", base));
  await guest.reboot();
  await guest.expectDeployments({ booted: base, staged: null, rollback: image });
  await expectBasePackages(guest, "shipped");
  return [...shipped, ...changed];
}

/** Both packages are as they are said to be: in the database, and by what they have in /usr. */
export async function expectBasePackages(
  guest: Guest,
  state: "shipped" | "changed",
): Promise<void> {
  const isChanged = state === "changed";
  const there = (await rpmOf(guest).packages()).filter((one) =>
    [removed, replaced].some(({ name }) => one.startsWith(`${name}-`)),
  );
  const expected = isChanged ? [replaced.nevra] : [removed.shipped, replaced.shipped];
  expectEqual("What the package database has of the two packages", there, expected);
  expectEqual(removed.file, await guest.files.read(removed.file), isChanged ? null : removed.text);
  const [before, after] = replaced.texts;
  expectEqual(replaced.file, await guest.files.read(replaced.file), isChanged ? after : before);
  await expectPackageWhole(guest, replaced.name);
}

/** rpm has the package, and what it has in /usr is as the database says. */
export async function expectPackageWhole(guest: Guest, name: string): Promise<void> {
  expectEqual(`What rpm finds changed of '${name}'`, await rpmOf(guest).verify(name), []);
}
