import {
  expectEqual,
  expectHealthy,
  expectThat,
  type Guest,
  grubOf,
  type Image,
  quoting,
  scenario,
} from "../../harness/index.ts";

type Promised = NonNullable<Image["catalogue"]>["promises"][number];

const promises = ({ catalogue }: Image, what: Promised): boolean =>
  catalogue?.promises.includes(what) === true;

/** Where it is promised, and of an image that an ISO carries or fetches as bootc's images are and nothing is said of. */
const expectsComposefs = ({ catalogue, installer, oci }: Image): boolean =>
  catalogue === undefined
    ? installer?.carriesImage === true || oci !== null
    : !catalogue.lacks.includes("composefs");

/** The menu comes from boot loader entries, and no script of ostree's or of os-prober's wrote into it. */
async function expectStaticGrub(guest: Guest): Promise<void> {
  const { readsEntries, sections } = await grubOf(guest).config();
  expectThat(readsEntries, "/boot/grub2/grub.cfg does not read boot loader entries (blscfg).");
  const written = sections.filter((name) => /\/(?:15_ostree|30_os-prober)$/.test(name));
  expectEqual("The sections of grub.cfg that scripts wrote", written, []);
}

/**
 * 1. the installer installs; 2. the disk boots alone, cold, and is the OCI image that was named, else the one that the ISO carries; 3. start-up settles; 4. no
 * unit failed or is stuck; 5. no fatal journal line; 6. `/` is composefs; 7. GRUB's configuration is static and bootupd knows
 * its components, where that is promised.
 */
export default scenario({
  summary:
    "Installs from the ISO by kickstart, then boots from the installed disk alone to a healthy system",
  needs: { images: ["candidate"], installs: ["candidate"] },
  suite: "full",
  measures: ["install.seconds"],
  start: "cold",
  timeoutMinutes: 8,

  async run({ images: { candidate }, boot, step }) {
    await using guest = await boot(candidate);

    if (candidate.manifest !== null)
      await step("the installed system is the image that was named", () =>
        guest.expectDeployments({ booted: candidate, staged: null, rollback: null }),
      );
    const carried = candidate.installer?.carries;
    if (candidate.manifest === null && carried !== undefined)
      await step("the installed system is the image that the ISO carries", () =>
        guest.expectDeployments({
          booted: { ...candidate, manifest: carried },
          staged: null,
          rollback: null,
        }),
      );
    await expectHealthy(guest, step);
    if (expectsComposefs(candidate))
      await step("/ is mounted from composefs", async () => {
        const { fstype, source } = await guest.ostree.rootMount();
        expectThat(
          fstype === "overlay" && /^(?:transient:)?composefs(?:[:=]|$)/.test(source),
          quoting`/ is a ${fstype} mount of '${source}', not composefs.`,
        );
      });
    if (promises(candidate, "static-grub"))
      await step("GRUB's configuration is static", () => expectStaticGrub(guest));
    if (promises(candidate, "bootupd"))
      await step("bootupd knows what it installed", async () => {
        const said = await guest.run`bootupctl status`;
        expectThat(/^Component \S+$/m.test(said), "bootupd does not know of any component.", {
          said: said.slice(0, 500),
        });
      });
  },
});
