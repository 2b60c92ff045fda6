import { expectThat, type Guest, type ImageChange, scenario } from "../../harness/index.ts";

const shipped = "bootgate.shipped=1";
const path = "/usr/lib/bootc/kargs.d/90-bootgate.toml";

const withArgument: ImageChange = {
  name: "kargs",
  files: { [path]: `kargs = ["${shipped}"]\n` },
};
const without: ImageChange = { name: "kargs-gone", remove: [path] };

async function expectArguments(guest: Guest, here: readonly string[], gone: readonly string[]) {
  const got = await guest.kernelArguments();
  const missing = here.filter((word) => !got.includes(word));
  const left = gone.filter((word) => got.includes(word));
  expectThat(missing.length + left.length === 0, "The kernel arguments are not as expected.", {
    missing: missing.join(" ") || undefined,
    "still there": left.join(" ") || undefined,
    got: got.join(" ").slice(0, 2000),
  });
}

/**
 * 1. upgrade to an image that ships a kernel argument in kargs.d: it is there after the reboot, and none of the machine's own
 * is lost; 2. upgrade to one that does not ship it any more: it is gone, and nothing else.
 */
export default scenario({
  summary: "Kernel arguments of kargs.d come and go with the image, and the machine's own stay",
  needs: { images: ["candidate"], publishes: ["candidate"] },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 11,

  async run({ images: { candidate }, registry, boot, derive, step, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", candidate);
    const more = await derive(candidate, withArgument);
    const less = await derive(more, without);
    await using guest = await boot(candidate, { follows: stable });
    const { booted } = (await guest.bootc.status()).status;
    if (booted?.composefs?.bootType === "Uki")
      skip(
        "The kernel arguments of a unified kernel image are its own; kargs.d cannot add to them.",
      );
    /** What names the deployment or the boot loader's file, and what only the first boot has (Ignition), or the boot loader's file, is another one after each upgrade. */
    const own = (await guest.kernelArguments()).filter(
      (word) => !/^(?:(?:ostree|composefs(?:\.digest)?|BOOT_IMAGE|initrd)=|ignition\.)/.test(word),
    );

    await step("an argument that the new image ships is there after the upgrade", async () => {
      await shelf.publish("os:stable", more);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: more, staged: null, rollback: candidate });
      await expectArguments(guest, [...own, shipped], []);
    });
    await step(
      "one that the next image does not ship any more is gone, and nothing else",
      async () => {
        await shelf.publish("os:stable", less);
        await guest.bootc.upgrade();
        await guest.reboot();
        await guest.expectDeployments({ booted: less, staged: null, rollback: more });
        await expectArguments(guest, own, [shipped]);
      },
    );
  },
});
