import {
  expectBootcRefuses,
  expectEqual,
  expectLayered,
  expectThat,
  layeredOn,
  layeredPackage,
  layerPackage,
  needLayering,
  rpmOstreeOf,
  scenario,
} from "../../harness/index.ts";

/**
 * 1. nothing is layered, and bootc knows the image; 2. a package is layered by rpm-ostree, and boots; 3. rpm-ostree tells it and the
 * base that it is on; 4. bootc calls the host incompatible; 5. it refuses to upgrade, and changes nothing; 6. `rpm-ostree reset` makes
 * it bootc's again.
 */
export default scenario({
  summary:
    "A host with a layered package: rpm-ostree tells all of it, and bootc refuses to upgrade",
  needs: { images: ["candidate"] },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 12,

  async run({ images: { candidate }, boot, step, skip }) {
    await using guest = await boot(candidate);
    await needLayering(guest, skip);
    const before = await step("nothing is layered at first", async () => {
      expectEqual("What is layered", await layeredOn(guest, "booted"), []);
      const { booted } = (await guest.bootc.status()).status;
      expectEqual("`incompatible` of the booted deployment", booted?.incompatible, false);
      return booted?.ostree?.checksum;
    });
    await step("a package from a file is layered and boots", async () => {
      await layerPackage(guest);
      await guest.reboot();
      await expectLayered(guest);
    });
    await step("rpm-ostree tells the package and its base", async () => {
      const one = (await rpmOstreeOf(guest).status())?.deployments.find(({ booted }) => booted);
      expectEqual("The packages from files", one?.["requested-local-packages"], [
        layeredPackage.nevra,
      ]);
      expectEqual("The commit that it is layered on", one?.["base-checksum"], before);
      expectThat(
        one?.checksum !== before,
        "The layered deployment is the same commit as its base.",
      );
    });
    await step("bootc refuses to upgrade, and changes nothing", () =>
      expectBootcRefuses(guest, "upgrade", "local rpm-ostree modifications"),
    );
    await step("a reset makes it bootc's again", async () => {
      await rpmOstreeOf(guest).run("reset");
      await guest.reboot();
      expectEqual("What is layered", await layeredOn(guest, "booted"), []);
      const { booted } = (await guest.bootc.status()).status;
      expectEqual("`incompatible` of the booted deployment", booted?.incompatible, false);
      expectEqual("The commit that is booted", booted?.ostree?.checksum, before);
    });
  },
});
