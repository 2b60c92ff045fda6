import {
  expectOldOrNew,
  expectWholeRepository,
  scenario,
  statesToBoot,
  takeOlder,
} from "../../harness/index.ts";

/**
 * 1. v1 stages v2, completes it on the way down and boots it, and each write is recorded; 2. the disk that each of many power cuts
 * would have left is made of the record and read; 3. one of each kind is booted: it runs v1 or v2 with nothing
 * staged, its repository is whole, and the other image can be had as an update and booted.
 */
export default scenario({
  summary: "Wherever the power is cut during an upgrade, the old image or the new one boots, whole",
  needs: {
    images: ["previous", "candidate"],
    boots: ["previous"],
    publishes: ["previous", "candidate"],
    capabilities: ["power", "write-log"],
  },
  suite: "full",
  start: "cold",
  measures: ["upgrade.seconds", "reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 25,

  async run({ images: { previous: v1, candidate: v2 }, registry, boot, cuts, step, note }) {
    await using shelf = await registry();
    const stable = await shelf.publish("os:stable", v2);
    const record = async () => {
      await using guest = await boot(v1, { follows: stable });
      return await step("v1 stages v2, completes it at shutdown and boots it", async () => {
        const since = await guest.machine.recorded();
        await guest.bootc.upgrade();
        await guest.expectDeployments({ booted: v1, staged: v2, rollback: null });
        await guest.reboot();
        await guest.expectDeployments({ booted: v2, staged: null, rollback: v1 });
        await guest.machine.cutPower();
        return cuts(guest, since);
      });
    };
    await using left = await record();
    const states = await step("what each power cut leaves is read from its disk", () =>
      statesToBoot(left, note),
    );

    for (const [index, state] of states.entries()) {
      const claim = (text: string): string => `state ${index + 1} ${text}`;
      const disk = await step(claim("is made on a disk"), () => left.disk(state));
      await using guest = await boot(disk, { follows: stable });
      const booted = await step(claim("is the old image or the new one"), () =>
        expectOldOrNew(guest, { old: v1, next: v2 }),
      );
      await step(claim("has every object of its repository"), async () => {
        if (!(await expectWholeRepository(guest)))
          note("bootc's composefs backend does not have a check of its objects.");
      });
      await step(claim("is updated to the other image, and boots it"), async () => {
        const [other, rollback] = booted === v1 ? [v2, v1] : [v1, v2];
        await shelf.publish("os:stable", other);
        if (other === v1) await takeOlder(guest, { booted, older: v1, note });
        else await guest.bootc.upgrade();
        await guest.reboot();
        await guest.expectDeployments({ booted: other, staged: null, rollback });
      });
    }
  },
});
