import { dnfOf, expectEqual, type Guest, needDnf, rpmOf, scenario } from "../../harness/index.ts";

/** Packages of the two images beyond those that the candidate has. */
const inFirst = [
  "bootgate-lib-2-1.noarch",
  "bootgate-settings-1-1.noarch",
  "bootgate-tool-2-1.noarch",
];
const inSecond = ["bootgate-lib-1-1.noarch", "bootgate-rival-1-1.noarch"];

const configuration = "/etc/bootgate-settings.conf";
const data = "/var/lib/bootgate-settings/data";

/** By path: what each image has of these packages. What a package puts into /var comes to machines that are installed from the image alone. */
const filesOfFirst: Readonly<Record<string, string | null>> = {
  "/usr/share/bootgate-lib/about": "bootgate-lib 2\n",
  "/usr/share/bootgate-tool/version": "2\n",
  "/usr/share/bootgate-rival/about": null,
  "/usr/share/bootgate-settings/about": "bootgate-settings 1\n",
  [configuration]: "made-by=package\n",
  [data]: null,
};
const filesOfSecond: Readonly<Record<string, string | null>> = {
  "/usr/share/bootgate-lib/about": "bootgate-lib 1\n",
  "/usr/share/bootgate-tool/version": null,
  "/usr/share/bootgate-rival/about": "bootgate-rival 1\n",
  "/usr/share/bootgate-settings/about": null,
  [configuration]: null,
  [data]: null,
};

async function expectPackages(
  guest: Guest,
  before: readonly string[],
  brought: readonly string[],
  files: Readonly<Record<string, string | null>>,
): Promise<void> {
  const rpm = rpmOf(guest);
  const expected = [...before, ...brought].sort();
  expectEqual("The packages that rpm knows", await rpm.packages(), expected);
  for (const name of brought)
    expectEqual(`What rpm finds changed of '${name}'`, await rpm.verify(name), []);
  for (const [path, content] of Object.entries(files))
    expectEqual(path, await guest.files.read(path), content);
}

/**
 * 1. three packages are installed in an image that is made of the candidate, by the image's own dnf5; 2. it boots, and rpm and the files
 * agree; 3. in the next image one package is downgraded, one swapped and one removed; 4. after the upgrade rpm and the files agree again, and
 * nothing of what was removed is left; 5. after a rollback all three are back.
 */
export default scenario({
  summary: "Packages that an image installs, downgrades, swaps and removes come to its machines so",
  // The second one is the machine in which the image is changed.
  needs: { images: ["candidate"], publishes: ["candidate"], promises: ["dnf5"], guests: 2 },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 25,

  async run({ images: { candidate }, registry, boot, derive, step, skip }) {
    await using shelf = await registry();
    await using guest = await boot(candidate);
    const told = await needDnf(guest, skip);
    const before = await rpmOf(guest).packages();

    const first = await step("packages are installed in an image of the candidate", () =>
      derive(candidate, {
        name: "installed",
        packages: [["install", "bootgate-lib-2", "bootgate-tool-2", "bootgate-settings"]],
      }),
    );
    await step("it boots, and rpm and the files agree", async () => {
      await guest.bootc.switch(await shelf.publish("os:packages", first));
      await guest.reboot();
      await guest.expectDeployments({ booted: first, staged: null, rollback: candidate });
      await expectPackages(guest, before, inFirst, filesOfFirst);
      expectEqual("What the program says", await guest.run`bootgate-tool`, "bootgate-tool 2");
    });
    const second = await step("one is downgraded, one swapped and one removed in the next", () =>
      derive(first, {
        name: "changed",
        packages: [
          ["downgrade", "bootgate-lib"],
          ["swap", "bootgate-tool", "bootgate-rival"],
          ["remove", "bootgate-settings"],
        ],
      }),
    );
    await step(
      "after the upgrade rpm and the files agree, and what was removed is gone",
      async () => {
        await shelf.publish("os:packages", second);
        await guest.bootc.upgrade();
        await guest.reboot();
        await guest.expectDeployments({ booted: second, staged: null, rollback: first });
        await expectPackages(guest, before, inSecond, filesOfSecond);
        const { exitCode } = await guest.attempt`bootgate-tool`;
        expectEqual("The exit code of the removed program", exitCode, 127);
      },
    );
    await step("dnf5 knows the same packages", async () => {
      const form = "%{name}-%{version}-%{release}.%{arch}\\n";
      const { stdout } = await dnfOf(guest, told).run(["repoquery", "--installed", "--qf", form]);
      const known = stdout.split("\n").filter((name) => name.startsWith("bootgate-"));
      expectEqual("The packages that dnf5 knows", known.sort(), inSecond);
    });
    await step("after a rollback all of them are back", async () => {
      await guest.bootc.rollback();
      await guest.reboot();
      await guest.expectDeployments({ booted: first, staged: null, rollback: second });
      await expectPackages(guest, before, inFirst, filesOfFirst);
    });
  },
});
