import {
  basePackages,
  bringBase,
  expectBasePackages,
  expectEqual,
  expectLayered,
  expectOriginOfImage,
  expectPackageWhole,
  expectThat,
  flatpakOf,
  type Guest,
  installFlatpak,
  keepsFolder,
  layeredOn,
  layeredPackage,
  layerPackage,
  needDnf,
  needLayering,
  prepareGuest,
  rpmOstreeOf,
  type Stage,
  scenario,
  switchLayered,
} from "../../harness/index.ts";

const argument = "bootgate.local=1";
const setting = "/etc/bootgate/local.conf";
const data = "/var/lib/bootgate/data.txt";
const user = "bootgate-user";
const group = "bootgate-group";

/** Gives a guest what a person has of their own; returns what id(1) says of the user. */
async function makeOwn(guest: Guest): Promise<string> {
  await prepareGuest(
    guest,
    "given a user, a setting, data and an enabled unit",
    `sh -c '${[
      `groupadd ${group}`,
      `useradd --create-home --groups ${group} ${user}`,
      "mkdir -p /etc/bootgate /var/lib/bootgate",
      `echo local > ${setting}`,
      `echo data > ${data}`,
      `systemctl enable --now ${layeredPackage.unit}`,
    ].join(" && ")}'`,
  );
  return guest.run`id ${user}`;
}

/** Skips where the image itself lets go of what a person makes. */
async function needKeptFolders(guest: Guest, skip: Stage["skip"]): Promise<void> {
  if (!(await keepsFolder(guest, "/var")))
    skip("/var is in memory by the image's own setting, so a person's data does not stay.");
  if (!(await keepsFolder(guest, "/etc")))
    skip("/etc is transient by the image's own setting, so a person's changes in it do not stay.");
}

/** What the layered package brought works: its program, and its unit as the person left it. */
async function expectLayeredWorks(guest: Guest): Promise<void> {
  const said = await guest.run`${layeredPackage.program}`;
  expectEqual("What the program says", said, layeredPackage.says);
  const enabled = await guest.run`systemctl is-enabled ${layeredPackage.unit}`;
  expectEqual("Whether the unit is enabled", enabled, "enabled");
  await guest.systemd.settled();
  const active = await guest.run`systemctl is-active ${layeredPackage.unit}`;
  expectEqual("Whether the unit is active", active, "active");
}

/** Stages the image; where bootc refuses to as long as something is layered, a reset comes first. Returns whether what is layered is kept for rollback. */
async function switchOrReset(guest: Guest, image: string): Promise<boolean> {
  if (await switchLayered(guest, image)) return true;
  await rpmOstreeOf(guest).run("reset");
  await guest.reboot();
  await guest.bootc.switch(image);
  return false;
}

/** What a person had is there, the user by what `id` said of it. */
async function expectOwn(guest: Guest, identity: string): Promise<void> {
  expectEqual(setting, await guest.files.read(setting), "local\n");
  expectEqual(data, await guest.files.read(data), "data\n");
  expectEqual(`What id says of ${user}`, await guest.run`id ${user}`, identity);
  await expectArgument(guest);
}

async function expectArgument(guest: Guest): Promise<void> {
  const words = await guest.kernelArguments();
  expectThat(words.includes(argument), "The kernel argument is not there.", { argument });
}

/**
 * The way of a layered host to bootc: 1. v1 gets a package from a file, one of its base is replaced and one removed, and it gets a kernel argument, a user in a group of
 * theirs, a setting, data, an enabled unit and, where it has flatpak, a Flatpak; 2. rpm-ostree names all that was changed of the image; 3. it switches to an image
 * that is v2 with the packages as the person had them, put there by the image's own dnf5; 4. the image is booted, and its origin names nothing but the image; 5. the
 * packages are there or gone, by files and by the package database, now of the image; 6. what the person made is there.
 */
export default scenario({
  summary:
    "A host with layered, replaced and removed packages switches to an image that has them so, and keeps what its person made",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    // The second one is the machine in which the image is changed.
    guests: 2,
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 25,

  async run({ images, registry, use, boot, derive, step, skip, note }) {
    const { previous: v1, candidate: v2 } = images;
    await using shelf = await registry();
    await using rpms = await use("rpms");
    await using guest = await boot(v1);
    await needLayering(guest, skip);
    await needDnf(guest, skip);
    await needKeptFolders(guest, skip);
    const packages = await step("the base has packages that a person can do without", () =>
      bringBase(guest, { image: v1, shelf, derive }),
    );
    await step(
      "a package is layered on v1, one replaced and one removed, and it boots",
      async () => {
        await layerPackage(guest, rpms);
        await rpmOstreeOf(guest).run("kargs", `--append=${argument}`);
        await guest.reboot();
        await expectLayered(guest);
        await expectBasePackages(guest, "changed");
        await expectArgument(guest);
      },
    );
    await step("rpm-ostree names all that was changed of the image", async () => {
      const { removed, replaced } = basePackages;
      const changed = [layeredPackage.nevra, removed.name, replaced.nevra];
      expectEqual("What rpm-ostree tells", await layeredOn(guest, "booted"), changed);
    });
    const image = await step("an image with the packages as they are is made of v2", () =>
      derive(v2, { name: "with-packages", packages }),
    );
    const next = await shelf.publish("os:with-packages", image);
    const identity = await makeOwn(guest);
    const flatpaks = await installFlatpak(guest);
    if ("why" in flatpaks) note(`Nothing is said of Flatpaks: ${flatpaks.why}.`);
    await step("the switch to the image that brings the package boots", async () => {
      const isDropped = await switchOrReset(guest, next);
      await guest.reboot();
      const { booted, staged, rollback } = (await guest.bootc.status()).status;
      expectEqual("The booted image", booted?.image?.imageDigest, image.manifest);
      expectEqual("`incompatible` of the booted deployment", booted?.incompatible, false);
      expectEqual("The staged deployment", staged, null);
      expectEqual(
        "`incompatible` of the deployment for rollback",
        rollback?.incompatible,
        isDropped,
      );
    });
    await step("its origin names the image and nothing else", () =>
      expectOriginOfImage(guest, next),
    );
    await step(
      "files and package database have the packages as they were, of the image",
      async () => {
        await expectBasePackages(guest, "changed");
        await expectPackageWhole(guest, layeredPackage.name);
      },
    );
    await step("what the package brought is there, of the image", () => expectLayeredWorks(guest));
    await step("settings, data, the user and the kernel argument are there", () =>
      expectOwn(guest, identity),
    );
    if ("installed" in flatpaks)
      await step("its Flatpaks are there", async () =>
        expectEqual("The Flatpaks", await flatpakOf(guest).installed(), flatpaks.installed),
      );
  },
});
