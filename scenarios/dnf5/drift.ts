import { dnfFor, expectEqual, expectThat, quoting, rpmOf, scenario } from "../../harness/index.ts";

const guarded = "/etc/bootgate-settings.conf";
const option = (paths: string): string => `--setopt=usr_drift_protected_paths=${paths}`;

/**
 * 1. a transient transaction that would change a protected path is refused, and the path and its package are named; 2. nothing was
 * done; 3. one that changes none goes on; 4. with the protection off the first one goes on, too.
 */
export default scenario({
  summary: "dnf5 keeps transient transactions off the paths that are protected from drift",
  needs: { images: ["candidate"], promises: ["dnf5"], capabilities: ["services"] },
  suite: "full",
  timeoutMinutes: 7,

  async run({ images: { candidate }, use, boot, step, skip }) {
    await using rpms = await use("rpms");
    await using guest = await boot(candidate);
    const dnf = await dnfFor(guest, skip, "transient");
    const install = (paths: string, name: string): string[] => [
      ...[option(paths), "install", "--transient", name],
    ];

    await step("a change of a protected path is refused, and named", async () => {
      const result = await dnf.attempt(install(guarded, "bootgate-settings"), rpms.url);
      const { exitCode, stderr } = result;
      expectThat(exitCode !== 0, "A change of a protected path was not refused.");
      expectEqual("The exit code", exitCode, 1);
      const lines = stderr.split("\n").map((line) => line.trim());
      for (const line of ["bootgate-settings-1-1.noarch", guarded])
        expectThat(lines.includes(line), quoting`dnf5 does not name '${line}'.`, { stderr });
    });
    await step("nothing was done", async () => {
      expectEqual("The protected file", await guest.files.read(guarded), null);
      expectEqual("Whether rpm has it", await rpmOf(guest).has("bootgate-settings"), false);
      expectEqual("The overlay", (await guest.bootc.status()).status.usrOverlay, null);
    });
    await step("a transaction that changes none goes on", async () => {
      await dnf.run(install(guarded, "bootgate-tool"), rpms.url);
      expectEqual("Whether rpm has bootgate-tool", await rpmOf(guest).has("bootgate-tool"), true);
    });
    await step("with the protection off the first one goes on", async () => {
      await dnf.run(install("", "bootgate-settings"), rpms.url);
      expectEqual("The file", await guest.files.read(guarded), "made-by=package\n");
    });
  },
});
