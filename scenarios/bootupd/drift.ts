import {
  commands,
  expectEqual,
  expectThat,
  hashOn,
  needInstalledLoader,
  prepareGuest,
  scenario,
  skipUnlessPromised,
} from "../../harness/index.ts";

/** 1. a changed file of the EFI system partition is named; 2. so is one that is gone; 3. one more is nobody's business; 4. all is well once it is as it was. */
export default scenario({
  summary: "bootupd notices a changed and a missing file of the EFI system partition, and no other",
  needs: { images: ["candidate"], promises: ["bootupd"], firmware: ["uefi"] },
  suite: "full",
  timeoutMinutes: 4,

  async run({ images: { candidate }, boot, step, skip }) {
    await using guest = await boot(candidate);
    const { bootupd, payload, partitions } = await needInstalledLoader(guest, skip, candidate);
    const paths = Object.keys(payload);
    const partition = partitions.find((one) =>
      paths.some((path) => hashOn(one, path) !== undefined),
    );
    // The machine does not need it to boot: it is started by the folder of its vendor, or by the other one.
    const victim = paths.find(
      (path) => partition !== undefined && hashOn(partition, path) !== undefined,
    );
    if (partition === undefined || victim === undefined)
      return skipUnlessPromised(
        { image: candidate, promise: "bootupd", skip },
        "The EFI system partition has nothing of the image's payload.",
      );
    const inEfi = (what: string, line: string): Promise<string> =>
      prepareGuest(guest, what, commands.inEfi(partition.device, line));

    await step("a changed file is named", async () => {
      await inEfi("given a changed boot loader", `cp '${victim}' /run/kept && echo >> '${victim}'`);
      const { isValid, changed, removed, said } = await bootupd.validate();
      expectThat(!isValid, "bootupd does not notice a changed file.", { said });
      expectEqual("The list of changed files", changed, [victim]);
      expectEqual("The list of removed files", removed, []);
    });
    await step("a file that is gone is named", async () => {
      await inEfi("left without a file of its boot loader", `rm '${victim}'`);
      const { isValid, changed, removed, said } = await bootupd.validate();
      expectThat(!isValid, "bootupd does not notice that a file is gone.", { said });
      expectEqual("The list of changed files", changed, []);
      expectEqual("The list of removed files", removed, [victim]);
    });
    await step("as it was, with a file of somebody else, it is valid", async () => {
      await inEfi(
        "given its boot loader back",
        `cp /run/kept '${victim}' && mkdir -p other && echo > other/a.efi`,
      );
      const { isValid, said } = await bootupd.validate();
      expectThat(isValid, "The boot loader is as it was, and bootupd does not find it so.", {
        said,
      });
    });
  },
});
