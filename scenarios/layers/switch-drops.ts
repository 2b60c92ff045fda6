import {
  expectEqual,
  layeredOn,
  layeredPackage,
  layerPackage,
  needLayering,
  scenario,
  switchLayered,
} from "../../harness/index.ts";

/**
 * 1. a package is layered on v1; 2. `bootc switch` to v2 exits 0, says nothing of it, and stages v2 without it, which is reported; 3. v2
 * boots: the package is in neither its files nor its database, and the layered deployment is kept for rollback. Upstream has no check
 * there (bootc, `switch_ostree`). A bootc that refuses instead, and changes nothing, is as good.
 */
export default scenario({
  summary: "A switch drops layered packages without a word, and the layered deployment is kept",
  needs: { images: ["previous", "candidate"], boots: ["previous"], publishes: ["candidate"] },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 12,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, skip, note }) {
    await using shelf = await registry();
    const next = await shelf.publish("os:next", v2);
    await using guest = await boot(v1);
    await needLayering(guest, skip);
    const layered = await step("a package is layered on v1 and boots", async () => {
      await layerPackage(guest);
      await guest.reboot();
      const names = await layeredOn(guest, "booted");
      expectEqual("What is layered", names, [layeredPackage.nevra]);
      return names;
    });
    const isRefused = await step("the switch stages v2 without it, or is refused", async () => {
      if (!(await switchLayered(guest, next))) {
        note("This bootc refuses to switch a host with layered packages, so nothing is dropped.");
        return true;
      }
      const { staged } = (await guest.bootc.status()).status;
      expectEqual("The staged image", staged?.image?.imageDigest, v2.manifest);
      expectEqual("`incompatible` of the staged deployment", staged?.incompatible, false);
      const kept = await layeredOn(guest, "staged");
      const dropped = layered.filter((name) => !kept.includes(name));
      expectEqual("What the switch drops", dropped, layered);
      note(
        `\`bootc switch\` drops what is layered, with exit code 0: ${dropped.join(", ")}. An image that brings it is needed (bootgate migrate-plan).`,
      );
      return false;
    });
    if (isRefused) return;
    await step("v2 boots without the package, and the layered deployment is kept", async () => {
      await guest.reboot();
      const { booted, rollback } = (await guest.bootc.status()).status;
      expectEqual("The booted image", booted?.image?.imageDigest, v2.manifest);
      expectEqual("`incompatible` of the deployment for rollback", rollback?.incompatible, true);
      const { exitCode } = await guest.attempt`test -e ${layeredPackage.program}`;
      expectEqual("The exit code of a look for the package's file", exitCode, 1);
      expectEqual(
        "The exit code of `rpm -q`",
        (await guest.attempt`rpm -q ${layeredPackage.name}`).exitCode,
        1,
      );
    });
  },
});
