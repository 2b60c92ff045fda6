import { expectThat, type Guest, type ImageChange, scenario } from "../../harness/index.ts";

const shipped = "bootgate.shipped=1";
const path = "/usr/lib/bootc/kargs.d/90-bootgate.toml";

const withArgument: ImageChange = {
  name: "kargs",
  files: { [path]: `kargs = ["${shipped}"]\n` },
};
const without: ImageChange = { name: "kargs-gone", remove: [path] };

/** What names the deployment or the boot loader's file, and what only the first boot has (Ignition), or the boot loader's file, is another one after each upgrade. */
const passing = /^(?:(?:ostree|composefs(?:\.digest)?|BOOT_IMAGE|initrd)=|ignition\.)/;

async function ownArguments(guest: Guest): Promise<readonly string[]> {
  return (await guest.kernelArguments()).filter((word) => !passing.test(word));
}

/** These arguments are there, no other one is, and none comes more often. */
async function expectArguments(guest: Guest, wanted: readonly string[]): Promise<void> {
  const got = await ownArguments(guest);
  const times = (words: readonly string[], one: string): number =>
    words.filter((word) => word === one).length;
  const missing = wanted.filter((word) => !got.includes(word));
  const surplus = [...new Set(got)].filter((word) => times(got, word) > times(wanted, word));
  expectThat(missing.length + surplus.length === 0, "The kernel arguments are not as expected.", {
    missing: missing.join(" ") || undefined,
    "too many": surplus.join(" ") || undefined,
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
    const own = await ownArguments(guest);

    await step("an argument that the new image ships is there after the upgrade", async () => {
      await shelf.publish("os:stable", more);
      await guest.bootc.upgrade();
      await guest.reboot();
      await guest.expectDeployments({ booted: more, staged: null, rollback: candidate });
      await expectArguments(guest, [...own, shipped]);
    });
    await step(
      "one that the next image does not ship any more is gone, and nothing else",
      async () => {
        await shelf.publish("os:stable", less);
        await guest.bootc.upgrade();
        await guest.reboot();
        await guest.expectDeployments({ booted: less, staged: null, rollback: more });
        await expectArguments(guest, own);
      },
    );
  },
});
