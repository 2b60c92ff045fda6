/** Jobs on machines with a TPM. */
import { expect, test } from "vitest";
import { jobFacts, type MachineChoice, planJobs } from "../../harness/engine/plan.ts";
import { plainImage, plainMachine, story } from "./support/plan-samples.ts";

const image = plainImage();
const machine = plainMachine();

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
