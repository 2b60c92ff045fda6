import {
  expectEqual,
  expectOneKernel,
  expectThat,
  type Guest,
  initramfsLines,
  quoting,
  scenario,
  whyKernelStays,
} from "../../harness/index.ts";

/** A network device that every distribution ships as a module and nothing loads by itself (kernel, `drivers/net/dummy.c`). */
const module = "dummy";
const isLoaded = `/sys/module/${module}`;

/**
 * What a Containerfile does for a module that is not the kernel's own: into `updates`, which depmod.d(5) prefers, and into an initramfs
 * that loads it (dracut(8), `--force-drivers`). The module's bytes are the kernel's own, since nothing here compiles another.
 */
const linesFor = (release: string): readonly string[] => [
  `kver=${release}`,
  `file=$(modinfo -k "$kver" -F filename ${module})`,
  'mkdir -p "/usr/lib/modules/$kver/updates/bootgate"',
  'mv "$file" "/usr/lib/modules/$kver/updates/bootgate/"',
  'depmod "$kver"',
  ...initramfsLines(`--force-drivers ${module}`),
];

/** Why nothing can be judged on a guest, or null. */
async function whyNot(guest: Guest, release: string): Promise<string | null> {
  const found = await guest.attempt`modinfo -F filename ${module}`;
  if (found.exitCode !== 0 || !found.stdout.startsWith("/"))
    return `The image does not have ${module} as a module.`;
  if ((await guest.attempt`test -e ${isLoaded}`).exitCode === 0)
    return `The image loads ${module} by itself.`;
  return whyKernelStays(guest, release);
}

/**
 * 1. an image is made of the candidate in which a module lies outside of the kernel's own folder, and the initramfs is made again; 2. it boots;
 * 3. it has one kernel, which runs; 4. the initramfs has loaded the module from its new place, since nothing else asks for it.
 */
export default scenario({
  summary:
    "An image with a kernel module of its own has one kernel and a new initramfs, and boots it",
  // The second one is the machine in which the image is changed.
  needs: { images: ["candidate"], publishes: ["candidate"], guests: 2 },
  suite: "full",
  measures: ["reboot.seconds", "pulled.bytes"],
  timeoutMinutes: 25,

  async run({ images: { candidate }, registry, boot, derive, step, skip }) {
    await using shelf = await registry();
    await using guest = await boot(candidate);
    const release = await guest.run`uname -r`;
    const reason = await whyNot(guest, release);
    if (reason !== null) skip(reason);
    const image = await step("a module and a new initramfs are put into an image", () =>
      derive(candidate, { name: "module", run: linesFor(release) }),
    );
    await step("it boots", async () => {
      await guest.bootc.switch(await shelf.publish("os:module", image));
      await guest.reboot();
      await guest.expectDeployments({ booted: image, staged: null, rollback: candidate });
    });
    await step("it has one kernel, which runs", async () => {
      expectEqual("The release that runs", await expectOneKernel(guest), release);
    });
    await step("the initramfs has loaded the module, which lies in its new place", async () => {
      const place = await guest.run`modinfo -F filename ${module}`;
      expectThat(
        place.includes("/updates/bootgate/"),
        quoting`modinfo finds ${module} in ${place}.`,
      );
      const { exitCode } = await guest.attempt`test -e ${isLoaded}`;
      expectThat(exitCode === 0, "The initramfs has not loaded the module.", { module });
    });
  },
});
