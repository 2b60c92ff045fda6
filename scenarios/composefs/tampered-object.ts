import {
  commands,
  composefsOf,
  expectNamedByFsck,
  expectThat,
  objectsOf,
  prepareGuest,
  quoting,
  readTampered,
  scenario,
  whyUnheld,
} from "../../harness/index.ts";

/**
 * The story changes a byte of an object behind the system's back; what it does to its guest is its own doing. 1. a file of the image is what
 * its object has; 2. a changed object is refused where the image requires fs-verity; 3. `ostree fsck` names it.
 */
export default scenario({
  summary:
    "A changed object is refused where the image requires fs-verity, and `ostree fsck` names it",
  needs: { images: ["candidate"], promises: ["composefs"] },
  suite: "full",
  timeoutMinutes: 12,

  async run({ images: { candidate }, boot, step, note, skip }) {
    await using guest = await boot(candidate);
    const backend = await step("the system has composefs", () => guest.backend());
    const { needsVerity } = await composefsOf(guest).setting(backend);
    const unheld = whyUnheld(backend, needsVerity);
    if (unheld !== null) return skip(unheld);
    const [victim] = await objectsOf(guest).smallFiles(backend, 1);
    if (victim === undefined)
      return skip("/usr/lib/tmpfiles.d and udev's rules do not have a file of 128 bytes or more.");
    const { path, object } = victim;

    const before = await step("a file of the image is what its object has", async () => {
      const [seen, stored] = [await guest.files.sha256(path), await guest.files.sha256(object)];
      expectThat(seen !== null && seen === stored, quoting`${path} is not what its object has.`, {
        object,
      });
      return seen;
    });
    const changed = commands.inSysroot(commands.replaceFile(object, 3));
    await prepareGuest(guest, "given a changed object", changed);

    await step("fs-verity refuses the changed object, where the image requires it", async () => {
      if (!needsVerity) {
        note("The image does not require fs-verity, so a changed object is read as it is.");
        return;
      }
      const { how, said } = await readTampered(guest, path, before);
      if (how === "kept")
        return skip(
          "The kernel still has the object as it was, so nothing can be told of this one.",
        );
      expectThat(
        how === "refused",
        "A changed object was read although the image requires fs-verity.",
        { file: path, object, said, "as it was": before },
      );
    });
    if (backend === "composefs") return;
    await step("ostree fsck names the changed object", () => expectNamedByFsck(guest, victim));
  },
});
