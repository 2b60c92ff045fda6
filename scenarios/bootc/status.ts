import { expectEqual, expectThat, isAtLeast, quoting, scenario } from "../../harness/index.ts";

/** 1. `bootc status` follows its schema; 2. it names the image that was booted; 3. nothing is staged; 4. it tells the architecture of the machine. */
export default scenario({
  summary: "`bootc status` follows its schema and names the image that was booted",
  needs: { images: ["candidate"] },
  timeoutMinutes: 3,

  async run({ images: { candidate }, boot, step, note }) {
    await using guest = await boot(candidate);

    await step("bootc tells its version", async () => {
      const version = await guest.bootc.version();
      expectThat(/^bootc \d+\.\d+/.test(version), quoting`'bootc --version' says '${version}'.`);
      note(version);
    });
    await step("the status follows the schema", async () => {
      const host = await guest.bootc.status();
      expectEqual("The API version", host.apiVersion.startsWith("org.containers.bootc/v1"), true);
      expectEqual("The kind", host.kind, "BootcHost");
      const { booted, type } = host.status;
      expectThat(booted?.image != null, "The booted deployment is not from a container image.");
      // The composefs backend says null (bootc 1.16.9).
      if (booted.composefs === null || type !== null) expectEqual("The type", type, "bootcHost");
    });
    await step("the booted image is the one under test and nothing is staged", async () => {
      await guest.expectDeployments({ booted: candidate, staged: null, rollback: null });
    });
    await step("the status fits the architecture of the machine", async () => {
      const { booted } = (await guest.bootc.status()).status;
      const architecture = { x86_64: "amd64", aarch64: "arm64" }[candidate.architecture];
      const told = booted?.image?.architecture ?? null;
      if (told === null && !isAtLeast(await guest.bootc.version(), "1.1.7"))
        note("This bootc does not tell the image's architecture (it does since 1.1.7).");
      else expectEqual("The architecture", told, architecture);
      expectThat(booted?.incompatible === false, "The booted deployment is marked incompatible.");
    });
  },
});
