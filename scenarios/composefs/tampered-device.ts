import {
  blocksOf,
  changeBlock,
  composefsOf,
  expectNamedByFsck,
  expectSpared,
  expectThat,
  objectsOf,
  quoting,
  readTampered,
  refusedBy,
  scenario,
  whyUnheld,
} from "../../harness/index.ts";

/** How many small files are looked at: not each has a block that can be changed. */
const most = 8;

/**
 * The story changes a byte of a file of /usr on the disk itself, below the file system; what it does to its guest is its own doing. 1. a
 * file of the image is what its object has, and the disk shows it; 2. no other file is touched; 3. the file is refused where fs-verity or the
 * file system's checksums hold it; 4. `ostree fsck` names it.
 */
export default scenario({
  summary:
    "A block that is changed on the disk is refused where the image requires fs-verity, and `ostree fsck` names its object",
  needs: { images: ["candidate"], promises: ["composefs"] },
  suite: "full",
  timeoutMinutes: 12,

  async run({ images: { candidate }, boot, step, note, skip }) {
    await using guest = await boot(candidate);
    const backend = await step("the system has composefs", () => guest.backend());
    const { needsVerity } = await composefsOf(guest).setting(backend);
    const unheld = whyUnheld(backend, needsVerity);
    if (unheld !== null) return skip(unheld);
    const files = await objectsOf(guest).smallFiles(backend, most);
    const other = files.at(-1);
    if (other === undefined || files.length === 1)
      return skip(
        "/usr/lib/tmpfiles.d and udev's rules do not have two files of 128 bytes or more.",
      );
    const found = await blocksOf(guest).ownBlock(files.slice(0, -1));
    if ("whyNot" in found) return skip(found.whyNot);
    const { file, block, isChecksummed } = found;
    const isHeld = needsVerity || isChecksummed;
    const { path, object } = file;

    const before = await step("files of the image are what their objects have", async () => {
      const [seen, stored] = [await guest.files.sha256(path), await guest.files.sha256(object)];
      expectThat(seen !== null && seen === stored, quoting`${path} is not what its object has.`, {
        object,
      });
      const spared = await guest.files.sha256(other.path);
      expectThat(spared !== null, quoting`${other.path} cannot be read.`);
      return { seen, spared };
    });
    const refusal = await changeBlock(guest, block);
    if (refusal !== null) return skip(refusal);
    await step("another file is read as it was", () =>
      expectSpared(guest, other.path, before.spared),
    );

    await step("the changed block is refused, where something holds it to its file", async () => {
      for (const name of [path, object]) {
        const { how, said } = await readTampered(guest, name, before.seen);
        if (how === "kept")
          return skip("The kernel still has the file as it was, so nothing can be told of it.");
        if (!isHeld && how !== "refused")
          return note(
            how === "changed"
              ? "The image does not require fs-verity, so a changed block is read as it is."
              : `A changed block is not read: ${said}`,
          );
        expectThat(
          how === "refused",
          needsVerity
            ? "A changed block was read although the image requires fs-verity."
            : "A changed block was read although btrfs has a checksum of it.",
          { file: name, block: `${block.device} ${block.number} of ${block.size} bytes`, said },
        );
      }
      const whose = isHeld ? "" : " although the image does not require fs-verity";
      note(`The changed block is refused${whose}. ${await refusedBy(guest)}`);
    });
    if (backend === "composefs") return;
    await step("ostree fsck names the changed object", () => expectNamedByFsck(guest, file));
  },
});
