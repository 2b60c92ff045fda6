import { expectHealthy, scenario } from "../../harness/index.ts";

/** 1. boot the candidate cold; 2. start-up settles; 3. no unit failed or is stuck; 4. no fatal journal line; 5. record SELinux. */
export default scenario({
  summary: "Boots from power-on to a settled system with no failed unit and no fatal journal line",
  needs: { images: ["candidate"] },
  start: "cold",
  timeoutMinutes: 5,

  async run({ images: { candidate }, boot, step, note }) {
    await using guest = await boot(candidate);

    await expectHealthy(guest, step);
    await step("the state of SELinux is known", async () => {
      const enforce = await guest.files.read("/sys/fs/selinux/enforce");
      const state =
        enforce === null ? "absent" : enforce.trim() === "1" ? "enforcing" : "permissive";
      note(`SELinux is ${state}.`);
    });
  },
});
