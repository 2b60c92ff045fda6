import { expectEqual, expectThat, isAtLeast, scenario } from "../../harness/index.ts";

/** `--skip` and `--list` came with it (bootc-dev/bootc, crates/lib/src/lints.rs). */
const since = "1.1.6";

/** What is about an image before it is installed: a running system has files in /boot and logs, and one of ostree has /usr/etc. */
const ofImages = {
  ostree: ["etc-usretc", "nonempty-boot", "nonempty-run-tmp", "var-log", "var-tmpfiles"],
  composefs: ["nonempty-boot", "nonempty-run-tmp", "var-log", "var-tmpfiles"],
} as const;

/** Those by which an image fails whatever it is built for. */
const fatal = ["bootc-kargs", "kernel"];

/** 1. `bootc container lint` knows its checks; 2. all that can be judged in the running system pass; 3. what only warns is told. */
export default scenario({
  summary: "`bootc container lint` finds nothing wrong with the image",
  needs: { images: ["candidate"] },
  suite: "full",
  timeoutMinutes: 4,

  async run({ images: { candidate }, boot, step, skip, note }) {
    await using guest = await boot(candidate);
    const backend = await guest.backend();
    const version = await guest.bootc.version();
    if (!isAtLeast(version, since))
      skip(`'${version}' does not have 'bootc container lint --skip', which came with ${since}.`);

    const known = await step("the checks are known", async () => {
      const text = await guest.run`bootc container lint --list`;
      const names = fatal.filter((name) => !text.includes(name));
      expectEqual("The checks that are not known", names, []);
      return ofImages[backend].filter((name) => text.includes(name));
    });
    await step("no check that is an error fails", async () => {
      const options = known.flatMap((name) => ["--skip", name]).join(" ");
      const { exitCode, stdout, stderr } = await guest.exec(`bootc container lint ${options}`);
      const failed = stdout.split("\n").filter((line) => /^Failed lint: /.test(line));
      expectThat(exitCode === 0 && failed.length === 0, "A check of the image fails.", {
        failed: failed.join("\n").slice(0, 2000) || undefined,
        said: stderr.slice(0, 1000),
      });
      const warned = [...stdout.matchAll(/^Lint warning: ([\w-]{1,60}):/gm)].map(
        ([, name]) => name,
      );
      if (warned.length > 0) note(`Checks that warn: ${warned.slice(0, 20).join(", ")}.`);
    });
  },
});
