import {
  expectEqual,
  expectHealthy,
  expectMenuOfKernels,
  expectOneKernel,
  expectThat,
  initramfsLines,
  needDnf,
  quoting,
  rpmOf,
  scenario,
  whyKernelStays,
} from "../../harness/index.ts";

/** What the image excludes for its users hides installed packages as well, and is not meant: `excludepkgs=kernel*` (dnf5.conf(5), disable_excludes). */
const dnf = [
  "dnf5 --assumeyes --setopt=assumeno=0 '--setopt=disable_excludes=*'",
  "--setopt=localpkg_gpgcheck=False --setopt=reposdir=/usr/lib/bootgate",
].join(" ");

/**
 * What a Containerfile does for another kernel. The old one goes first, since the new one may answer to the same names; it is the one that runs
 * here, and dnf5 would keep it for that. What no package owns, such as the initramfs, stays in its folder, and two folders are two kernels to
 * some tools. The initramfs is the image's own where a scriptlet made it (kernel-install(8)).
 */
const linesFor = (release: string, owners: readonly string[]): readonly string[] => [
  `old=${release}`,
  ...(owners.length === 0
    ? []
    : [`${dnf} --setopt=protect_running_kernel=False remove --no-autoremove ${owners.join(" ")}`]),
  'rm -rf "/usr/lib/modules/$old"',
  `${dnf} install "$kernel_packages"/*.rpm`,
  "set -- /usr/lib/modules/*/vmlinuz",
  'if test $# != 1 || test ! -e "$1"; then echo "The packages bring $# kernels: $*" >&2; exit 1; fi',
  "kver=${1%/vmlinuz}",
  "kver=${kver##*/}",
  'if test "$kver" = "$old"; then echo "The packages bring the kernel that the image has." >&2; exit 1; fi',
  'depmod "$kver"',
  'if test ! -s "/usr/lib/modules/$kver/initramfs.img"; then',
  ...initramfsLines(""),
  "fi",
];

/**
 * 1. an image is made of the candidate in which its kernel is removed and another one installed, by the image's own dnf5 and of packages that were
 * named for it; 2. it boots, and is healthy; 3. it has one kernel, with an initramfs, which is another one and runs; nothing of the old one
 * is left; 4. the boot loader starts it; 5. no other package came or went; 6. after a rollback the old one runs, with all that it had.
 */
export default scenario({
  summary:
    "An image with another kernel has that one alone, boots it, and a rollback boots the old one",
  // The second one is the machine in which the image is changed.
  needs: {
    images: ["candidate"],
    publishes: ["candidate"],
    promises: ["dnf5"],
    kernelPackages: true,
    guests: 2,
  },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 25,

  async run({ images: { candidate }, registry, boot, derive, step, skip }) {
    await using shelf = await registry();
    await using guest = await boot(candidate);
    const old = await guest.run`uname -r`;
    await needDnf(guest, skip);
    const reason = await whyKernelStays(guest, old);
    if (reason !== null) skip(reason);
    const rpm = rpmOf(guest);
    const before = await rpm.packages();
    const owners = await rpm.kernelPackages();
    const bound = await rpm.boundToKernel();
    if (bound.length > 0)
      skip(`The image has packages for its own kernel: ${bound.slice(0, 5).join(", ")}.`);

    const image = await step("another kernel is put into an image of the candidate", () =>
      derive(candidate, {
        name: "other-kernel",
        kernelPackages: true,
        run: linesFor(old, owners),
      }),
    );
    await step("it boots", async () => {
      await guest.bootc.switch(await shelf.publish("os:other-kernel", image));
      await guest.reboot();
      await guest.expectDeployments({ booted: image, staged: null, rollback: candidate });
    });
    await expectHealthy(guest, step);
    const release = await step("it has one kernel, another one, which runs", async () => {
      const runs = await expectOneKernel(guest);
      expectThat(runs !== old, quoting`The kernel that runs is the old one, ${old}.`);
      const folders = await guest.run`find /usr/lib/modules -mindepth 1 -maxdepth 1`;
      expectEqual("What is in /usr/lib/modules", folders, `/usr/lib/modules/${runs}`);
      return runs;
    });
    if ((await guest.backend()) === "ostree")
      await step("the boot loader starts it, and the old one for a rollback", () =>
        expectMenuOfKernels(guest, [release, old]),
      );
    await step("no other package came or went", async () => {
      const after = await rpm.packages();
      const kernel = await rpm.kernelPackages();
      const left = kernel.filter((one) => owners.includes(one));
      expectEqual("The list of packages of the old kernel that rpm knows", left, []);
      expectThat(kernel.length > 0, "rpm does not know a package of the kernel.");
      expectEqual(
        "The list of packages without those of a kernel",
        after.filter((one) => !kernel.includes(one)),
        before.filter((one) => !owners.includes(one)),
      );
      for (const name of kernel)
        expectEqual(`What rpm finds changed of '${name}'`, await rpm.verify(name), []);
    });
    await step(
      "after a rollback the old kernel runs, with its initramfs and packages",
      async () => {
        await guest.bootc.rollback();
        await guest.reboot();
        await guest.expectDeployments({ booted: candidate, staged: null, rollback: image });
        expectEqual("The release that runs", await expectOneKernel(guest), old);
        expectEqual("The list of packages", await rpm.packages(), before);
      },
    );
  },
});
