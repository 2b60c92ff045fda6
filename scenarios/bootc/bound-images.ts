import {
  expectEqual,
  expectThat,
  type Guest,
  isAtLeast,
  quoting,
  scenario,
} from "../../harness/index.ts";

/** Logically bound images (bootc-dev/bootc, docs/src/logically-bound-images.md). */
const since = "1.1.0";

/** The first release with bootc-dev/bootc#2290. */
const mended = "1.17";

const quadlet = "/usr/share/containers/systemd/bootgate-app.image";
const binding = "/usr/lib/bootc/bound-images.d/bootgate-app.image";

const boundTo = (name: string, reference: string) => ({
  name,
  files: { [quadlet]: `[Image]\nImage=${reference}\n` },
  links: { [binding]: quadlet },
});

/** Podman with the storage in which bootc keeps images that a system is bound to. */
const storage = "--storage-opt=additionalimagestore=/usr/lib/bootc/storage";

async function expectThere(guest: Guest, reference: string, isThere: boolean): Promise<void> {
  const { exitCode } = await guest.attempt`podman ${storage} image exists ${reference}`;
  expectEqual(
    `The exit code with which podman says whether bootc's storage has ${reference}`,
    exitCode,
    isThere ? 0 : 1,
  );
}

/**
 * 1. an update that is bound to an image in the registry brings it, and no other; 2. it is there after the reboot, without the registry
 * being asked; 3. an update that is bound to an image which cannot be had is refused; 4. that one is not staged. Before
 * bootc-dev/bootc#2290 (September 2026, after 1.16.9) bootc stages it first, and a reboot lands in it (bootc-dev/bootc#2013).
 */
export default scenario({
  summary: "An update brings the application images that it is bound to, or is refused",
  needs: { images: ["candidate"], publishes: ["candidate"] },
  suite: "full",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 12,

  async run({ images: { candidate }, registry, boot, derive, step, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", candidate);
    const app = await shelf.publishSmall("app:1", "an application\n");
    const other = await shelf.publishSmall("app:2", "another application\n");
    const gone = `${app}-gone`;
    const hopeless = await derive(candidate, boundTo("bound-nowhere", gone));
    const bound = await derive(candidate, boundTo("bound", app));
    await using guest = await boot(candidate, { follows: stable });
    if ((await guest.backend()) === "composefs")
      skip(
        "bootc's composefs backend does not bring the images that a system is bound to (bootc-dev/bootc#2540).",
      );
    const version = await guest.bootc.version();
    if (!isAtLeast(version, since))
      skip(`'${version}' does not know bound images, which came with bootc ${since}.`);
    if ((await guest.attempt`podman --version`).exitCode !== 0)
      skip("The image does not have podman, by which bootc keeps the images that it is bound to.");

    await step("an update brings the image that it is bound to, and no other", async () => {
      await shelf.publish("os:stable", bound);
      await guest.bootc.upgrade();
      await guest.expectDeployments({ booted: candidate, staged: bound, rollback: null });
      await expectThere(guest, app, true);
      await expectThere(guest, other, false);
    });
    await step("it is there after the reboot", async () => {
      await guest.reboot();
      await guest.expectDeployments({ booted: bound, staged: null, rollback: candidate });
      await expectThere(guest, app, true);
    });
    await step("an update whose image cannot be had is refused", async () => {
      await shelf.publish("os:stable", hopeless);
      const { exitCode, stderr } = await guest.bootc.tryUpgrade();
      const said = { "exit code": String(exitCode), stderr: stderr.slice(-1000) };
      expectThat(exitCode === 1, "The upgrade was not refused.", said);
      // podman's last line, which bootc passes on, names what it could not pull.
      expectThat(
        stderr.includes(gone),
        quoting`The upgrade was refused, and not for '${gone}'.`,
        said,
      );
    });
    await step("the refused update is not staged", async () => {
      const { staged } = (await guest.bootc.status()).status;
      // A release that has the mend is not excused by what is known of those before it.
      const isKnown = !isAtLeast(version, mended) && staged?.image?.imageDigest === hopeless.digest;
      expectThat(!isKnown, "The refused update is staged, as by all releases before the mend.", {
        bootc: version,
        mend: `bootc-dev/bootc#2290, in ${mended}`,
      });
      await guest.expectDeployments({ booted: bound, staged: null, rollback: candidate });
    });
  },
});
