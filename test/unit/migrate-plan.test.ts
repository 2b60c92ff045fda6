/** The way of a layered host to bootc: what is read of its status, and the base of its image. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { packageRoot } from "../../harness/base/package-root.ts";
import { parseStatus } from "../../harness/cli/commands/migrate-plan-command.ts";
import { loadYaml } from "../../harness/config/load-yaml.ts";
import { changeRows, localChanges } from "../../harness/guest/tools/rpm-ostree.ts";
import {
  containerDeployment,
  deploymentOf,
  everyChange,
  statusOf,
} from "../golden/rpm-ostree-status.ts";
import { errorOf, planFor, planOf, readStatus } from "./support/migrate-plan.ts";

const catalogueRefs = z.object({
  images: z.record(z.string(), z.object({ reference: z.string().optional() })),
});

describe("the status", () => {
  test("is read with every kind of change, the wish before what is there", () => {
    const [one] = readStatus(statusOf(deploymentOf(everyChange))).deployments;
    expect(one && localChanges(one)).toEqual({
      packages: ["htop", "vim-enhanced", "pkgconfig(zlib)"],
      inactive: ["vim-enhanced"],
      inactiveOverrides: [],
      localPackages: ["mytool-1.0-1.noarch"],
      fileOverrides: ["patched-2.0-1.x86_64"],
      removals: ["firefox", "firefox-langpacks"],
      localReplacements: ["podman-5.5.0-1.fc43.x86_64"],
      remoteReplacements: [
        { source: "repo=copr:example", packages: ["mesa-libGL-26.1-1.fc43.x86_64"] },
      ],
      regenerateInitramfs: true,
      initramfsArgs: ["--add-drivers", "nvme vfio"],
      initramfsEtc: ["/etc/vconsole.conf"],
      modules: [],
      modulesEnabled: [],
      cliwrap: false,
    });
  });

  test("of an old version, which lacks keys and has modules, is read", () => {
    const [one] = readStatus({
      deployments: [
        {
          checksum: "c".repeat(64),
          booted: true,
          origin: "fedora:fedora/34/x86_64/silverblue",
          "requested-packages": ["tmux"],
          "requested-modules": ["nodejs:16/default"],
          "requested-modules-enabled": ["cri-o:1.20"],
          "base-removals": [["nano-5.6-1.fc34.x86_64", "nano", 0, "5.6", "1.fc34", "x86_64"]],
        },
      ],
    }).deployments;
    expect(one && changeRows(localChanges(one))).toEqual([
      { what: "layered package", names: ["tmux"] },
      { what: "package removed from the base", names: ["nano-5.6-1.fc34.x86_64"] },
      { what: "module", names: ["nodejs:16/default", "cri-o:1.20"] },
    ]);
  });

  test("may have null for any of its lists, and keys that nobody knows", () => {
    const { isLayered } = planFor({
      "requested-packages": null,
      packages: null,
      "base-removals": null,
      "base-remote-replacements": null,
      "initramfs-etc": null,
      cliwrap: null,
      future: { deep: [1] },
    });
    expect(isLayered).toBe(false);
  });

  test.each([
    ["an empty file", "", "it is not JSON"],
    ["a list", "[]", "a map of keys"],
    ["no deployment", '{"deployments":[]}', "at least 1 in the list"],
    ["a deployment without a checksum", '{"deployments":[{}]}', "deployments[0].checksum"],
    [
      "packages that are not text",
      `{"deployments":[{"checksum":"a","requested-packages":[1]}]}`,
      "requested-packages[0]",
    ],
  ])("that is %s is refused with what to do", (_, text, why) => {
    const { message } = errorOf(() => parseStatus(text, "status.json"));
    expect(message).toContain("What 'status.json' holds is not the status of rpm-ostree");
    expect(message).toContain(why);
    expect(message).toContain("save what `rpm-ostree status --json` prints");
  });

  test.each([
    ["bootc's, as JSON", '{"apiVersion":"org.containers.bootc/v1","kind":"BootcHost"}', "bootc"],
    ["bootc's, as YAML", "apiVersion: org.containers.bootc/v1\nkind: BootcHost\n", "bootc"],
    ["bootc's for people", "● Booted image: quay.io/example/os:1\n", "bootc"],
    ["bootc's for people, of an update", "  Staged image: quay.io/example/os:1\n", "bootc"],
    ["rpm-ostree's for people", "State: idle\nDeployments:\n● fedora:…\n", "people"],
    ["ostree's", "* fedora 0123abcd.0\n    Version: 43\n    origin: <unknown>\n", "ostree"],
    ["ostree's, as JSON", '{"deployments":[{"checksum":"a","stateroot":"fedora"}]}', "ostree"],
  ])("that is %s is called by its name", (_, text, whose) => {
    const { message } = errorOf(() => parseStatus(text, "status.json"));
    const words = {
      bootc: /this is bootc's status.*\n.*without rpm-ostree has nothing layered/s,
      people: /this is what `rpm-ostree status` prints for people.*\n.*--json/s,
      ostree: /this is the status of `ostree admin`.*\n.*rpm-ostree status --json/s,
    };
    expect(message).toMatch(words[whose as keyof typeof words]);
  });

  test("that is hostile in size is refused", () => {
    const many = deploymentOf({ "requested-packages": Array(5001).fill("a") });
    expect(errorOf(() => readStatus(statusOf(many))).message).toContain("requested-packages");
    const long = deploymentOf({ "requested-packages": ["a".repeat(1001)] });
    expect(errorOf(() => readStatus(statusOf(long))).message).toContain("requested-packages[0]");
    const hundred = Array.from({ length: 101 }, () => deploymentOf());
    expect(errorOf(() => readStatus(statusOf(...hundred))).message).toContain("deployments");
  });
});

describe("the base", () => {
  test.each([
    ["fedora:fedora/43/x86_64/silverblue", "quay.io/fedora-ostree-desktops/silverblue:43"],
    ["fedora:fedora/44/aarch64/kinoite", "quay.io/fedora-ostree-desktops/kinoite:44"],
    ["fedora:fedora/41/x86_64/sericea", "quay.io/fedora-ostree-desktops/sway-atomic:41"],
    [
      "fedora:fedora/rawhide/x86_64/cosmic-atomic",
      "quay.io/fedora-ostree-desktops/cosmic-atomic:rawhide",
    ],
    ["fedora:fedora/x86_64/coreos/stable", "quay.io/fedora/fedora-coreos:stable"],
    ["fedora-iot:fedora/stable/x86_64/iot", "quay.io/fedora/fedora-iot:43"],
    ["ostree://fedora:fedora/43/x86_64/onyx", "quay.io/fedora-ostree-desktops/budgie-atomic:43"],
  ])("of %s is %s", (origin, base) => {
    expect(planFor({ origin }).base).toBe(base);
  });

  test("of Fedora's refs is what the catalogue names", async () => {
    const { images } = await loadYaml(join(packageRoot, "images", "catalogue.yaml"), catalogueRefs);
    const wanted = { silverblue: "silverblue", kinoite: "kinoite", "sway-atomic": "sericea" };
    for (const [entry, ref] of Object.entries({ ...wanted, "cosmic-atomic": "cosmic-atomic" }))
      expect(planFor({ origin: `fedora:fedora/43/x86_64/${ref}` }).base).toBe(
        `${images[entry]?.reference}:43`,
      );
    const iot = planFor({ origin: "fedora-iot:fedora/stable/x86_64/iot" });
    expect(iot.base).toBe(`${images["iot"]?.reference}:43`);
    const coreos = planFor({ origin: "fedora:fedora/x86_64/coreos/next" });
    expect(coreos.base).toBe(`${images["coreos"]?.reference}:next`);
  });

  test.each([
    "example:example/9/x86_64/desktop",
    "a".repeat(64),
    "fedora:fedora/43; rm -rf ~/x86_64/silverblue",
    "fedora:fedora/43\nRUN x/x86_64/silverblue",
  ])("of %j is not guessed, and what to fill in is said", (origin) => {
    const plan = planFor({ origin, "requested-packages": ["htop"] });
    expect(plan.base).toBeNull();
    expect(plan.containerfile).toMatch(/^FROM FILL-IN-THE-BASE-IMAGE$/m);
    expect(plan.needed[0]).toContain("The base image, in place of FILL-IN-THE-BASE-IMAGE.");
    expect(plan.containerfile.split("\n").filter((line) => line.startsWith("RUN"))).toEqual([
      "RUN dnf -y install htop && dnf clean all",
      "RUN bootc container lint",
    ]);
  });

  test.each([
    ["ostree-unverified-registry:quay.io/example/os:1", "quay.io/example/os:1", false],
    ["ostree-unverified-image:docker://quay.io/example/os:1", "quay.io/example/os:1", false],
    ["ostree-image-signed:docker://quay.io/example/os:1", "quay.io/example/os:1", true],
    ["ostree-remote-registry:fedora:quay.io/example/os:1", "quay.io/example/os:1", false],
    ["ostree-remote-image:fedora:docker://quay.io/example/os", "quay.io/example/os", false],
    ["docker://localhost:5000/os@sha256:".concat("0".repeat(64)), undefined, false],
    ["ostree-unverified-image:oci:/var/os", null, false],
    ["ostree-unverified-registry:quay.io/os:1 AS x", null, false],
  ])("of a container origin %s is its image", (origin, base, isSigned) => {
    const status = statusOf(
      containerDeployment({
        "container-image-reference": origin,
        "requested-packages": ["htop"],
      }),
    );
    const plan = planOf(status);
    expect(plan.base).toBe(base === undefined ? origin.replace("docker://", "") : base);
    expect(plan.steps.join("\n").includes("--enforce-container-sigpolicy")).toBe(isSigned);
  });
});

describe("a host that follows a digest", () => {
  const digest = `@sha256:${"0".repeat(64)}`;
  const of = (name: string, more: Readonly<Record<string, unknown>> = {}) =>
    planFor({
      "container-image-reference": `ostree-remote-registry:fedora:${name}${digest}`,
      ...more,
    });
  const layered = { "requested-packages": ["htop"], packages: ["htop"] };

  test.each([
    ["42.20260901.3.0", "stable"],
    ["42.20260901.2.1", "testing"],
    ["42.20260901.1.0", "next"],
  ])("is told the stream of Fedora CoreOS that %s is of", (version, stream) => {
    const plan = of("quay.io/fedora/fedora-coreos", { version });
    expect(plan.base).toBe(`quay.io/fedora/fedora-coreos:${stream}`);
    expect(plan.steps[0]).toMatch(new RegExp(`^sudo bootc switch \\S+:${stream} .*never finds`));
    expect(plan.needed.join("\n")).toContain("zincati");
  });

  test("is told to write a tag, since no build would bring anything newer", () => {
    const plan = of("quay.io/example/os", layered);
    expect(plan.containerfile).toContain(`FROM quay.io/example/os${digest}\n`);
    expect(plan.needed.join("\n")).toMatch(/^The tag of the base image in the place of its/m);
    expect(of("quay.io/example/os").steps[0]).toMatch(/^sudo bootc switch quay\S+os:TAG /);
  });

  test("is built of its tag where it has one beside the digest", () => {
    const plan = of("quay.io/example/os:43", layered);
    expect(plan.base).toBe("quay.io/example/os:43");
    expect(plan.needed.join("\n")).not.toContain("in the place of its digest");
  });
});

test("overrides that nothing was done for are told, and are not in the image", () => {
  const plan = planFor({
    "requested-base-removals": ["code", "nano"],
    "base-removals": [["nano-8.1-1.fc43.x86_64", "nano", 0, "8.1", "1.fc43", "x86_64"]],
    "requested-base-local-replacements": ["libdnf-devel-0.66.0-1.fc36.x86_64"],
    "base-local-replacements": [],
  });
  expect(plan.isLayered).toBe(true);
  expect(plan.dropped.flatMap(({ names }) => names)).toContain("code");
  expect(plan.needed.join("\n")).toMatch(
    /^Nothing for code libdnf-devel-0\.66\.0-1\.fc36\.x86_64/m,
  );
  expect(plan.needed.join("\n")).not.toContain("The RPM files");
  expect(plan.containerfile).toMatch(/--action=remove nano;/);
  expect(plan.containerfile).not.toMatch(/\bcode\b|libdnf-devel/);
});
