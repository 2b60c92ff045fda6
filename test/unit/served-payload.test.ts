// An installer whose image comes from the harness's registry: who decides that, what its kickstart says, and who answers for it.
import { describe, expect, test } from "vitest";
import { MachineFault, UsageError } from "../../harness/base/errors.ts";
import { asDigest } from "../../harness/base/units.ts";
import { refuseIdleOptions } from "../../harness/cli/wiring/idle-options.ts";
import {
  type InstallOptions,
  kickstartFor,
  whatInstalls,
} from "../../harness/cli/wiring/install-options.ts";
import { whileServed } from "../../harness/states/install/served-payload.ts";
import type { Image, InstallerImage } from "../../images/image.ts";
import { withPayload } from "../../images/iso/with-payload.ts";
import { installerIso as installer, isoImage } from "./support/installer-iso.ts";

const ociDigest = asDigest(`sha256:${"2".repeat(64)}`);
const iso = { ...isoImage(installer), standIns: ["anaconda"] };
const opened = {
  facts: {
    ...{ digest: ociDigest, architecture: "x86_64" as const, layout: "/layout", tag: "v2" },
    config: { digest: asDigest(`sha256:${"3".repeat(64)}`) },
    labels: { "org.opencontainers.image.title": "bootgate reference OS" },
  },
  ...{ follows: null, notes: ["Odd."] },
} as unknown as Parameters<typeof withPayload>[1];
const served = withPayload(iso, opened, "oci:/layout:v2") as Image & typeof iso;
const ownKickstart = { ...installer, arguments: ["inst.ks=hd:LABEL=OS:/ks.cfg"] };

describe("an ISO and its OCI image", () => {
  test("are tested as the OCI image, which the installed system has to report", () => {
    expect(served).toMatchObject({
      ...{ digest: ociDigest, manifest: ociDigest, oci: { layout: "/layout", tag: "v2" } },
      ...{ installer, standIns: ["anaconda", "bootc"] },
    });
    expect(served.notes?.join("\n")).toMatch(
      /^Odd\.\n.*'oci:\/layout:v2'.* ISO \(sha256:1{64}\)\.$/,
    );
  });

  test("of two architectures are refused", () => {
    const arm = { ...opened, facts: { ...opened.facts, architecture: "aarch64" as const } };
    expect(() => withPayload(iso, arm, "oci:arm")).toThrow(UsageError);
    expect(withPayload({ ...iso, architecture: null }, arm, "oci:arm").architecture).toBe(
      "aarch64",
    );
  });
});

test.each<[string, InstallerImage, boolean, InstallOptions, ReturnType<typeof whatInstalls>]>([
  ["nothing at hand", installer, false, {}, null],
  ["an OCI image beside it", installer, true, {}, "registry"],
  ["a carried image", { ...installer, carriesImage: true }, true, {}, "carried"],
  [
    "the registry asked for",
    { ...installer, carriesImage: true },
    true,
    { payload: "registry" },
    "registry",
  ],
  [
    "the registry without an image",
    { ...installer, carriesImage: true },
    false,
    { payload: "registry" },
    null,
  ],
  ["a carried image that is not there", installer, true, { payload: "carried" }, null],
  ["a kickstart of its own", ownKickstart, true, {}, "iso"],
  ["another than its own kickstart", ownKickstart, true, { payload: "registry" }, "registry"],
  ["a kickstart of the caller's", installer, true, { kickstart: "mine.ks" }, "caller"],
  ["Debian's installer", { ...installer, family: "debian-installer" }, true, {}, null],
])("an ISO with %s", (_what, one, hasOci, options, expected) => {
  const oci = hasOci ? { layout: "/layout", tag: "v2" } : null;
  expect(whatInstalls({ installer: one, oci }, options)).toBe(expected);
});

test.each<[RegExp, Image | undefined, InstallOptions]>([
  [/--payload registry needs the image[\s\S]*--candidate-oci/, iso, { payload: "registry" }],
  [/does not carry an image/, served, { payload: "carried" }],
  [/is not an ISO/, { ...served, installer: undefined as never }, { payload: "registry" }],
])("what is not at hand is told before anything boots: %s", (expected, image, options) => {
  expect(() => refuseIdleOptions(options, image)).toThrow(expected);
  expect(() => refuseIdleOptions({}, image)).not.toThrow();
});

describe("the kickstart of a served image", () => {
  const made = (image: typeof iso, options: InstallOptions = {}) =>
    kickstartFor(image, {
      ...{ kickstartLayout: "automatic", ...options },
      wish: { filesystem: "ext4", kernelArguments: [] } as never,
      registry: { address: "10.0.2.100", port: 5000 },
    });

  test.each([
    [
      "ostreecontainer",
      /^ostreecontainer --url=10\.0\.2\.100:5000\/os:stable --transport=registry --no-signature-verification$/m,
    ],
    [
      "bootc",
      /^bootc --source-imgref=registry:10\.0\.2\.100:5000\/os:stable --target-imgref=10\.0\.2\.100:5000\/os:stable$/m,
    ],
  ] as const)(
    "names the harness's registry by %s, and needs no change afterwards",
    async (command, line) => {
      const { text, author, served: isServed } = await made(served, { kickstartCommand: command });
      expect([author, isServed]).toEqual(["harness", true]);
      expect(text).toMatch(line);
      expect(text).not.toMatch(/^%post/m);
    },
  );

  test("lets the installer pull without TLS from that registry alone", async () => {
    const script = /^%pre --erroronfail\n([\s\S]*?)^%end$/m.exec((await made(served)).text ?? "");
    expect(script?.[1]).toMatch(/'location = "10\.0\.2\.100:5000"' 'insecure = true' > \/etc\//);
  });

  test("has the system follow what its image was named by", async () => {
    const follows = "quay.io/you/os:pr-1";
    const { text } = await made({ ...served, follows } as never);
    expect(text).toMatch(/^%post[\s\S]*bootc switch --mutate-in-place .*quay\.io\/you\/os:pr-1/m);
  });

  test("is not made where nobody says what is to be installed", async () => {
    await expect(made(iso)).rejects.toThrow(/--kickstart FILE, or .*--candidate-oci/);
  });

  test("of an image that is carried asks for no registry", async () => {
    const carrying = { ...iso, installer: { ...installer, carriesImage: true } };
    const { text, served: isServed } = await made(carrying);
    expect(isServed).toBe(false);
    expect(text).not.toMatch(/%pre/);
  });
});

test("an installation ends with the registry's own fault when that dies, and with the run's reason otherwise", async () => {
  const stop = new AbortController();
  let die: (error: Error) => void = () => undefined;
  const died = new Promise<never>((_, reject) => {
    die = reject;
  });
  const payload = { died, forward: {} as never, [Symbol.asyncDispose]: async () => undefined };
  const signal = whileServed(payload, stop.signal);
  expect(whileServed(null, stop.signal)).toBe(stop.signal);
  die(new MachineFault("The registry died."));
  await expect.poll(() => signal.aborted).toBe(true);
  expect(signal.reason).toBeInstanceOf(MachineFault);
  const other = whileServed({ ...payload, died: new Promise<never>(() => undefined) }, stop.signal);
  stop.abort(new Error("stop"));
  expect(other.reason).toMatchObject({ message: "stop" });
});
