import {
  basePackages,
  expectBasePackages,
  expectBootcRefuses,
  expectEqual,
  expectLayered,
  expectThat,
  hasBasePackages,
  layeredOn,
  layeredPackage,
  layerPackage,
  needLayering,
  rpmOstreeOf,
  scenario,
} from "../../harness/index.ts";

/**
 * 1. nothing is layered, and bootc knows the image; 2. a package is layered by rpm-ostree, where the base has the packages for it one is
 * replaced and one removed, and it boots; 3. rpm-ostree tells all of it and the base that it is on; 4. bootc calls the host incompatible; 5. it refuses to
 * upgrade, and changes nothing; 6. `rpm-ostree reset` makes it bootc's again.
 */
export default scenario({
  summary:
    "A host with layered, replaced and removed packages: rpm-ostree tells all of it, and bootc refuses to upgrade",
  needs: { images: ["candidate"], capabilities: ["services"] },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 12,

  async run({ images: { candidate }, use, boot, step, skip, note }) {
    await using rpms = await use("rpms");
    await using guest = await boot(candidate);
    await needLayering(guest, skip);
    const isChangeable = await hasBasePackages(guest);
    if (!isChangeable)
      note(
        "Nothing is said of replaced and removed packages: the image does not have those of the harness (layers/derive-and-switch brings them).",
      );
    const before = await step("nothing is layered at first", async () => {
      expectEqual("What is layered", await layeredOn(guest, "booted"), []);
      const { booted } = (await guest.bootc.status()).status;
      expectEqual("`incompatible` of the booted deployment", booted?.incompatible, false);
      return booted?.ostree?.checksum;
    });
    await step("a package from a file is layered and boots", async () => {
      await layerPackage(guest, isChangeable ? rpms : undefined);
      await guest.reboot();
      await expectLayered(guest);
      if (isChangeable) await expectBasePackages(guest, "changed");
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
      const { removed, replaced } = basePackages;
      const [gone, other] = isChangeable ? [[removed.name], [replaced.nevra]] : [[], []];
      expectEqual("The removed packages", one?.["requested-base-removals"], gone);
      expectEqual("The replaced packages", one?.["requested-base-local-replacements"], other);
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
      if (isChangeable) await expectBasePackages(guest, "shipped");
    });
  },
});
