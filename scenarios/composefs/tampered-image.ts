import {
  commands,
  composefsOf,
  expectBootRefused,
  objectsOf,
  prepareGuest,
  scenario,
} from "../../harness/index.ts";

/** A byte that no mount reads: the superblock begins at 1024 (kernel documentation, `filesystems/erofs.rst`). */
const unused = 512;

/**
 * The story changes a byte of the image of the root behind the system's back; what it does to its guest is its own doing. 1. untouched, the
 * system boots a second time; 2. an image that names its root by a digest does not boot from another one, and what makes the root says so.
 */
export default scenario({
  summary: "A root whose image was changed does not boot, where the image is held to a digest",
  needs: { images: ["candidate"], promises: ["composefs"] },
  suite: "full",
  timeoutMinutes: 9,

  async run({ images: { candidate }, boot, step, note, skip }) {
    await using guest = await boot(candidate);
    const backend = await step("the system has composefs", () => guest.backend());
    const { enabled, sealedImage } = await composefsOf(guest).setting(backend);
    // ostree holds it to the digest of a signed commit alone; `verity` is about the objects (ostree, otcore-prepare-root.c).
    if (backend === "ostree" && enabled !== "signed")
      return skip(
        `composefs is set to '${enabled}', and only 'signed' holds the image of the root to a digest.`,
      );
    if (backend === "composefs" && sealedImage === null)
      return skip("The kernel arguments let the image of the root be without fs-verity.");
    const image = sealedImage ?? (await objectsOf(guest).deployedImage());
    if (image === null) return skip("The booted deployment does not have an .ostree.cfs.");

    await step("untouched, it boots a second time", () => guest.reboot());
    await prepareGuest(
      guest,
      "given a changed image of its root",
      commands.inSysroot(commands.replaceFile(image, unused)),
    );
    await step("it does not boot from the changed image", async () => {
      const refused = await expectBootRefused(guest, "the image of its root was changed");
      note(`The boot was refused: ${refused.slice(0, 300)}`);
    });
  },
});
