import {
  composefsOf,
  dnfFor,
  expectEqual,
  type Guest,
  rpmOf,
  scenario,
} from "../../harness/index.ts";

/** Files by who puts them where. */
const files = {
  ofUsr: "/usr/share/bootgate-settings/about",
  inEtc: "/etc/bootgate-settings.conf",
  inVar: "/var/lib/bootgate-settings/data",
  byScriptlet: "/var/lib/bootgate-scriptlet/ran",
} as const;
const inOpt = "/opt/bootgate-opt/about";

const kept = {
  inEtc: "made-by=package\n",
  inVar: "data of the package\n",
  byScriptlet: "installed 1\n",
} as const;

async function readAll(guest: Guest): Promise<Record<string, string | null>> {
  const found: Record<string, string | null> = {};
  for (const [name, path] of Object.entries(files)) found[name] = await guest.files.read(path);
  return found;
}

/**
 * 1. packages with files in /etc, /var and, where that leads there, /opt, and one with a scriptlet, are installed for this boot; 2. after
 * a reboot what they put outside /usr stays, and the package database does not know it.
 */
export default scenario({
  summary:
    "What transient packages and their scriptlets put into /etc, /var and /opt outlives them",
  needs: { images: ["candidate"], promises: ["dnf5"], capabilities: ["services"] },
  suite: "full",
  measures: ["reboot.seconds"],
  timeoutMinutes: 10,

  async run({ images: { candidate }, use, boot, step, note, skip }) {
    await using rpms = await use("rpms");
    await using guest = await boot(candidate);
    const dnf = await dnfFor(guest, skip, "transient");
    const setting = await composefsOf(guest).setting(await guest.backend());
    for (const folder of setting.readOnlyFolders)
      skip(`${folder} is read-only by the image's own setting.`);
    const opt = await guest.run`readlink -f /opt`;
    const hasOpt = opt.startsWith("/var/");
    if (!hasOpt) note("/opt is part of the image, so no package is installed there.");

    await step("the files are there, and the scriptlet has run", async () => {
      const names = [
        "bootgate-settings",
        "bootgate-scriptlet",
        ...(hasOpt ? ["bootgate-opt"] : []),
      ];
      await dnf.run(["install", "--transient", ...names], rpms.url);
      expectEqual("What the packages brought", await readAll(guest), {
        ofUsr: "bootgate-settings 1\n",
        ...kept,
      });
      const found = await guest.files.read(inOpt);
      expectEqual("The file in /opt", found, hasOpt ? "bootgate-opt 1\n" : null);
    });
    await step("after a reboot what is outside /usr has stayed, and nobody owns it", async () => {
      await guest.reboot();
      expectEqual("What is left", await readAll(guest), {
        ofUsr: null,
        inEtc: setting.isEtcTransient ? null : kept.inEtc,
        inVar: setting.isVarTransient ? null : kept.inVar,
        byScriptlet: setting.isVarTransient ? null : kept.byScriptlet,
      });
      const found = await guest.files.read(inOpt);
      const isKept = hasOpt && !setting.isVarTransient;
      expectEqual("The file in /opt", found, isKept ? "bootgate-opt 1\n" : null);
      for (const name of ["bootgate-settings", "bootgate-scriptlet", "bootgate-opt"])
        expectEqual(`Whether rpm has ${name}`, await rpmOf(guest).has(name), false);
    });
  },
});
