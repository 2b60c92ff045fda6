import {
  expectBootcRefuses,
  expectEqual,
  expectLayered,
  layerPackage,
  needLayering,
  rpmOstreeOf,
  scenario,
  switchLayered,
} from "../../harness/index.ts";

/**
 * 1. a package is layered on v1, and the host switches to v2; 2. `bootc rollback` refuses, since what it would go back to is not from an
 * image alone, and changes nothing; 3. `rpm-ostree rollback` goes back: v1 with the package boots.
 */
export default scenario({
  summary:
    "From a switched host rpm-ostree goes back to the layered packages, and bootc refuses to",
  needs: { images: ["previous", "candidate"], boots: ["previous"], publishes: ["candidate"] },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 14,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, skip }) {
    await using shelf = await registry();
    const next = await shelf.publish("os:next", v2);
    await using guest = await boot(v1);
    await needLayering(guest, skip);
    const layered = await step("a package is layered on v1 and boots", async () => {
      await layerPackage(guest);
      await guest.reboot();
      await expectLayered(guest);
      return (await guest.bootc.status()).status.booted?.ostree?.checksum;
    });
    await step("the switch to v2 boots", async () => {
      if (!(await switchLayered(guest, next)))
        skip("This bootc refuses to switch a host with layered packages, so it has no way back.");
      await guest.reboot();
      const { booted } = (await guest.bootc.status()).status;
      expectEqual("The booted image", booted?.image?.imageDigest, v2.manifest);
    });
    await step("bootc refuses to roll back, and changes nothing", () =>
      expectBootcRefuses(guest, "rollback", "Rollback is not container image based"),
    );
    if ((await rpmOstreeOf(guest).status()) === null)
      skip("The new image does not have rpm-ostree, which alone could go back.");
    await step("rpm-ostree goes back to v1 with the package", async () => {
      await guest.bootc.beforeRollback();
      await rpmOstreeOf(guest).run("rollback");
      await guest.reboot();
      const { booted } = (await guest.bootc.status()).status;
      expectEqual("The commit that is booted", booted?.ostree?.checksum, layered);
      await expectLayered(guest);
    });
  },
});
