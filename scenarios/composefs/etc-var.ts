import { composefsOf, expectEqual, type Guest, scenario } from "../../harness/index.ts";

const inEtc = "/etc/bootgate-added.conf";
const inVar = "/var/lib/bootgate-probe";
const inRoot = "/bootgate-probe";
const fileIn = { "/etc": inEtc, "/var": inVar } as const;
const words = "written by bootgate before the reboot\n";

async function expectWritten(guest: Guest, path: string): Promise<void> {
  await guest.files.write(path, words);
  expectEqual(`The content of ${path}`, await guest.files.read(path), words);
}

/** 1. /etc and /var can be written, and / where the image says so; 2. after a reboot there is what the image lets stay, and nothing else. */
export default scenario({
  summary: "/etc and /var can be written, and keep over a reboot what the image says they keep",
  needs: { images: ["candidate"] },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 6,

  async run({ images: { candidate }, boot, step, note }) {
    await using guest = await boot(candidate);

    const setting = await step("the image says what is in memory only", async () => {
      const setting = await composefsOf(guest).setting(await guest.backend());
      if (setting.isEtcTransient) note("/etc is transient by the image's own setting.");
      if (setting.isRootTransient) note("/ is transient by the image's own setting.");
      for (const folder of setting.readOnlyFolders)
        note(`${folder} is read-only by the image's own setting.`);
      return setting;
    });
    const { readOnlyFolders } = setting;
    await step("/etc and /var can be written", async () => {
      const refused = readOnlyFolders.map((folder): string => fileIn[folder]);
      for (const path of [inEtc, inVar]) {
        if (!refused.includes(path)) await expectWritten(guest, path);
        else {
          const { exitCode } = await guest.attempt`touch ${path}`;
          expectEqual(`${path} could be created`, exitCode === 0, false);
        }
      }
    });
    await step("/ can be written only where the image says so", async () => {
      const { exitCode } = await guest.attempt`touch ${inRoot}`;
      expectEqual(`${inRoot} could be created`, exitCode === 0, setting.isRootTransient);
    });
    await step("after a reboot /var has what was written to it", async () => {
      await guest.reboot();
      if (setting.isVarTransient) note("/var is in memory by the image's own setting.");
      const kept = setting.isVarTransient || readOnlyFolders.includes("/var") ? null : words;
      expectEqual(`The content of ${inVar}`, await guest.files.read(inVar), kept);
    });
    await step("/etc has it unless the image lets it go", async () => {
      const kept = setting.isEtcTransient || readOnlyFolders.includes("/etc") ? null : words;
      expectEqual(`The content of ${inEtc}`, await guest.files.read(inEtc), kept);
    });
    await step("/ does not keep anything", async () => {
      expectEqual(`The content of ${inRoot}`, await guest.files.read(inRoot), null);
    });
  },
});
