import { describe, expect, test } from "vitest";
import { nearestWord } from "../../harness/config/nearest.ts";
import { checkPolicy, type MachineFacts } from "../../harness/gate/policy/check-policy.ts";
import { policySchema } from "../../harness/gate/policy/policy.ts";

const now = new Date("2026-11-21T12:00:00Z");
const image = { name: "silverblue:45", architecture: "x86_64", hasDisk: true, hasOci: true };

describe("a scenario that this run's machines cannot play", () => {
  const machines: readonly MachineFacts[] = [
    { driver: "qemu", capabilities: new Set(["power", "services"]), sectorBytes: [512] },
  ];
  const scenarios = [
    { id: "boot/health", needs: { images: ["candidate"] } },
    {
      id: "bootc/upgrade-rollback",
      needs: { images: ["candidate", "previous"], boots: ["previous"], publishes: ["candidate"] },
    },
    { id: "boot/tpm", needs: { images: ["candidate"], capabilities: ["power", "tpm"] } },
  ];
  const refused = (require: object, sectorBytes: number, on = machines): string => {
    const wanted = policySchema.parse({ version: 1, require: [require] });
    const images = [{ ...image, sectorBytes }];
    const context = { scenarios, images, machines: on, now, nearest: nearestWord };
    try {
      checkPolicy(wanted, context);
      return "";
    } catch (error) {
      return String(error);
    }
  };

  test("for want of a capability is refused before anything boots", () => {
    const words = /needs a machine with power and tpm, and 'qemu' machines lack it/;
    expect(refused({ scenarios: ["boot/tpm"] }, 512)).toMatch(words);
    expect(refused({ scenarios: ["boot/tpm"], machines: ["qemu"] }, 512)).toMatch(words);
    const able = machines.map((one) => ({ ...one, capabilities: new Set(["tpm", "power"]) }));
    expect(refused({ scenarios: ["boot/tpm"] }, 512, able)).toBe("");
    expect(refused({ scenarios: ["boot/tpm"] }, 512, [])).toBe("");
  });

  test("for want of a way to a registry is refused where the story has one", () => {
    const alone = machines.map((one) => ({ ...one, capabilities: new Set(["power"]) }));
    const words = /needs a machine with services, and 'qemu' machines lack it/;
    expect(refused({ scenarios: ["bootc/upgrade-rollback"] }, 512, alone)).toMatch(words);
    expect(refused({ scenarios: ["boot/health"] }, 512, alone)).toBe("");
    expect(refused({ scenarios: ["bootc/upgrade-rollback"] }, 512)).toBe("");
  });

  test("for want of such disks is refused, unless it only publishes the image", () => {
    const words = /sectors of 4096 bytes, which 'qemu' machines cannot have/;
    expect(refused({ scenarios: ["boot/health"] }, 4096)).toMatch(words);
    expect(refused({ scenarios: ["boot/health"] }, 512)).toBe("");
    expect(refused({ scenarios: ["bootc/upgrade-rollback"] }, 4096)).toBe("");
  });
});

test("a scenario about what no image promises is refused before anything boots", () => {
  const scenarios = [
    { id: "composefs/root", needs: { images: ["candidate"], promises: ["composefs"] } },
  ];
  const policy = policySchema.parse({ version: 1, require: [{ scenarios: ["composefs/root"] }] });
  const lacks = { ...image, lacks: ["composefs"] };
  const check = (images: readonly (typeof image)[]): void =>
    checkPolicy(policy, { scenarios, images, now, nearest: nearestWord });
  expect(() => check([lacks])).toThrow(/skipped on every image: no image promises composefs/);
  expect(() => check([image])).not.toThrow();
  expect(() =>
    check([
      { ...lacks, name: "a" },
      { ...image, name: "b" },
    ]),
  ).not.toThrow();
});
