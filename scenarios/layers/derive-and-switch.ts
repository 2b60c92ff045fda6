import {
  composefsOf,
  expectEqual,
  expectLayered,
  expectOriginOfImage,
  expectThat,
  flatpakOf,
  installFlatpak,
  layeredPackage,
  layerPackage,
  needLayering,
  prepareGuest,
  rpmOstreeOf,
  scenario,
} from "../../harness/index.ts";

const argument = "bootgate.local=1";
const setting = "/etc/bootgate/local.conf";
const data = "/var/lib/bootgate/data.txt";
const user = "bootgate-user";
const group = "bootgate-group";

/**
 * The way of a layered host to bootc: 1. v1 gets a package, a kernel argument, a user in a group of theirs, a setting, data, an enabled unit and, where it has flatpak, a Flatpak; 2. it switches
 * to an image that is v2 with what the package brought; 3. the image is booted, and its origin names nothing but the image; 4. the
 * package's files are there, now of the image; 5. what the person made is there. The image is derived by files, so its package
 * database does not have the package.
 */
export default scenario({
  summary:
    "A layered host switches to an image that brings the package, and keeps what its person made",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["candidate"],
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 14,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, derive, step, skip, note }) {
    await using shelf = await registry();
    const image = await derive(v2, { name: "with-package", files: layeredPackage.files });
    const next = await shelf.publish("os:with-package", image);
    await using guest = await boot(v1);
    await needLayering(guest, skip);
    const { isEtcTransient } = await composefsOf(guest).setting("ostree");
    if (isEtcTransient)
      skip(
        "/etc is transient by the image's own setting, so a person's changes in it do not stay.",
      );
    await step("a package and a kernel argument are layered on v1 and boot", async () => {
      await layerPackage(guest);
      await rpmOstreeOf(guest).run("kargs", `--append=${argument}`);
      await guest.reboot();
      await expectLayered(guest);
      const words = await guest.kernelArguments();
      expectThat(words.includes(argument), "The kernel argument is not there.", { argument });
    });
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
    const identity = await guest.run`id ${user}`;
    const flatpaks = await installFlatpak(guest);
    if ("why" in flatpaks) note(`Nothing is said of Flatpaks: ${flatpaks.why}.`);
    await step("the switch to the image that brings the package boots", async () => {
      await guest.bootc.switch(next);
      await guest.reboot();
      const { booted, staged, rollback } = (await guest.bootc.status()).status;
      expectEqual("The booted image", booted?.image?.imageDigest, image.manifest);
      expectEqual("`incompatible` of the booted deployment", booted?.incompatible, false);
      expectEqual("The staged deployment", staged, null);
      expectEqual("`incompatible` of the deployment for rollback", rollback?.incompatible, true);
    });
    await step("its origin names the image and nothing else", () => expectOriginOfImage(guest));
    await step("what the package brought is there, of the image", async () => {
      const said = await guest.run`${layeredPackage.program}`;
      expectEqual("What the program says", said, layeredPackage.says);
      const enabled = await guest.run`systemctl is-enabled ${layeredPackage.unit}`;
      expectEqual("Whether the unit is enabled", enabled, "enabled");
      await guest.systemd.settled();
      const active = await guest.run`systemctl is-active ${layeredPackage.unit}`;
      expectEqual("Whether the unit is active", active, "active");
    });
    await step("settings, data, the user and the kernel argument are there", async () => {
      expectEqual(setting, await guest.files.read(setting), "local\n");
      expectEqual(data, await guest.files.read(data), "data\n");
      expectEqual(`What id says of ${user}`, await guest.run`id ${user}`, identity);
      const words = await guest.kernelArguments();
      expectThat(words.includes(argument), "The kernel argument is gone.", { argument });
    });
    if ("installed" in flatpaks)
      await step("its Flatpaks are there", async () =>
        expectEqual("The Flatpaks", await flatpakOf(guest).installed(), flatpaks.installed),
      );
  },
});
