import {
  expectMenu,
  expectThat,
  type Guest,
  grubOf,
  keepEnvironment,
  keptEnvironment,
  scenario,
  tellGrub,
  whyNotCounted,
} from "../../harness/index.ts";

/** What greenboot tells GRUB: how many more times it may try the first entry, and whether the last boot was good. */
const tell = (guest: Guest, words: string): Promise<string> =>
  tellGrub(guest, "told GRUB's boot counter", words);

/**
 * 1. from v2, with v1 for rollback: a boot that is counted is v2's, and GRUB has counted it, as a unit of the harness keeps it before health
 * checks take the counter away; 2. once the counter has run out the next boot is the older entry's; 3. after a boot that was told to be good it
 * is the default entry's again. The harness tells GRUB what greenboot's health checks would (greenboot-rs, `src/lib/grub.rs`); who counts is
 * GRUB.
 */
export default scenario({
  summary:
    "GRUB counts boots, starts the older entry when the counter has run out, and the default one after a good boot",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    promises: ["static-grub"],
    from: "upgraded",
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 12,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, step, note, skip }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    await using guest = await boot(v1, { follows: stable });
    const uncounted = await whyNotCounted(guest);
    if (uncounted !== null) skip(uncounted.reason);
    await guest.systemd.settled();

    await step("a boot that is counted is the newer entry's", async () => {
      await keepEnvironment(guest);
      await tell(guest, "set boot_counter=2 boot_success=0");
      await guest.reboot();
      await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
      const unseen = await expectCounted(guest);
      if (unseen !== null) note(unseen);
    });
    await step("a counter that has run out starts the older entry", async () => {
      await guest.systemd.settled();
      await tell(guest, "set boot_counter=0 boot_success=0");
      await guest.reboot();
      await guest.expectDeployments({ booted: v1, staged: null, rollback: v2 });
    });
    await step("after a good boot the default entry boots again", async () => {
      await guest.systemd.settled();
      await tell(guest, "set boot_success=1");
      await tell(guest, "unset boot_counter");
      // The entries cannot tell: with a rollback ostree writes all of them again, under other paths than that of the running one.
      const next = (await guest.ostree.deployments()).find(({ staged }) => !staged);
      const isKept = next?.booted === true;
      if (isKept) note("The image made the older deployment the default once it had fallen back.");
      await guest.reboot();
      await guest.expectDeployments(
        isKept
          ? { booted: v1, staged: null, rollback: v2 }
          : { booted: v2, staged: null, rollback: v1 },
      );
      await expectMenu(guest);
    });
  },
});

/** GRUB has taken one from a counter of two. Returns what kept it from being seen, or null. */
async function expectCounted(guest: Guest): Promise<string | null> {
  const early = await keptEnvironment(guest);
  const counter = (early ?? (await grubOf(guest).environment()))?.["boot_counter"];
  const isCounted = early === null ? counter !== "2" : counter === "1";
  expectThat(isCounted, "GRUB did not count the boot.", { boot_counter: counter ?? "not set" });
  return early === null && counter !== "1"
    ? "Whether GRUB counted the boot could not be seen: the image's health checks may have taken the counter away, and the unit that keeps it before them did not run."
    : null;
}
