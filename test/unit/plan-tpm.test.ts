/** Jobs on machines with a TPM. */
import { expect, test } from "vitest";
import { asDigest } from "../../harness/base/units.ts";
import { jobFacts, type MachineChoice, planJobs } from "../../harness/engine/plan.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import type { Image } from "../../images/image.ts";

const digest = asDigest(`sha256:${"1".repeat(64)}`);
const disk = { path: "/images/v1.qcow2", format: "qcow2", digest } as const;
const image: Image = {
  name: "reference:v1",
  digest,
  manifest: digest,
  architecture: "x86_64",
  disk,
  oci: { layout: "/images/oci", tag: "v1" },
  follows: null,
  standIns: [],
};
const machine: MachineChoice = {
  driver: "qemu",
  architecture: "x86_64",
  firmware: "uefi",
  accelerator: "tcg",
  timeScale: 6,
  memoryMiB: 1536,
  cpus: 2,
  network: "closed",
  capabilities: new Set(["power", "services"]),
  sectorBytes: [512],
  refusal: null,
};

const story = (id: string, needs: LoadedScenario["definition"]["needs"]): LoadedScenario => ({
  id,
  definition: { summary: id, needs, timeoutMinutes: 1, run: async () => undefined },
});

test("a machine with a TPM is told apart, in the job's name and in what repeats it", () => {
  const plan = (own: Partial<MachineChoice>) => {
    const [job] = planJobs({
      scenarios: [story("boot/tpm", { images: ["candidate"], tpm: true })],
      images: { candidate: image },
      machines: [{ ...machine, capabilities: new Set(["tpm"]), ...own }],
      repeatOptions: [],
    });
    if (job === undefined) throw new Error("Each scenario has a job.");
    return job;
  };
  expect(plan({}).skip).toBe("It needs a machine with a TPM, and this run gives none (--tpm).");
  const job = plan({ tpm: {} });
  expect(job.skip).toBeNull();
  expect(job.id).toBe("boot/tpm@qemu-x86_64-uefi-tpm");
  expect(job.repeat).toMatch(/ --firmware uefi --tpm$/);
  expect(jobFacts(job).machine).toEqual({
    ...{ driver: "qemu", architecture: "x86_64", firmware: "uefi" },
    tpm: true,
  });
  // Its state is named by an option of the run.
  const state = { path: "/tpm", contentDigest: "1" };
  expect(plan({ tpm: { state } }).repeat).toMatch(/ --firmware uefi$/);
});
