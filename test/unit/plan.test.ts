/** Scenarios × images × machines → jobs. */
import { describe, expect, test } from "vitest";
import { discoverScenarios } from "../../harness/engine/discover.ts";
import {
  jobFacts,
  type MachineChoice,
  planJobs,
  selectScenarios,
} from "../../harness/engine/plan.ts";
import type { LoadedScenario } from "../../harness/engine/scenario.ts";
import type { Image } from "../../images/image.ts";
import { plainImage, plainMachine, story } from "./support/plan-samples.ts";

const image = plainImage();
const { disk } = image;
const machine = plainMachine();
const upgrade = story("bootc/upgrade", {
  images: ["previous", "candidate"],
  boots: ["previous"],
  publishes: ["candidate"],
  firmware: ["uefi"],
  capabilities: ["power"],
});

const skipOf = (
  images: Record<string, Image>,
  choice: Partial<MachineChoice> = {},
): string | null | undefined =>
  planJobs({
    scenarios: [upgrade],
    images,
    machines: [{ ...machine, ...choice }],
    repeatOptions: [],
  })[0]?.skip;

describe("plan", () => {
  test.each<[string, Record<string, Image>, Partial<MachineChoice>, RegExp | null]>([
    ["all is there", { previous: image, candidate: image }, {}, null],
    [
      "the candidate needs no disk",
      { previous: image, candidate: { ...image, disk: null } },
      {},
      null,
    ],
    ["an image is missing", { candidate: image }, {}, /role 'previous' \(--previous IMAGE\)/],
    [
      "no disk to boot",
      { previous: { ...image, disk: null }, candidate: image },
      {},
      /no installed disk/,
    ],
    [
      "nothing to publish",
      { previous: image, candidate: { ...image, oci: null } },
      {},
      /no OCI image/,
    ],
    [
      "the wrong architecture",
      { previous: image, candidate: image },
      { architecture: "aarch64" },
      /for x86_64, the machine is aarch64/,
    ],
    [
      "the wrong firmware",
      { previous: image, candidate: image },
      { firmware: "bios" },
      /about uefi firmware/,
    ],
    [
      "a machine that lacks what the story needs",
      { previous: image, candidate: image },
      { capabilities: new Set(["screenshot"]) },
      /needs a machine with power, and 'qemu' machines lack it/,
    ],
    [
      "guests that do not reach a registry",
      { previous: image, candidate: image },
      { capabilities: new Set(["power", "network"]) },
      /fetch from services of the harness \(a registry, files\), which 'qemu' machines do not reach/,
    ],
    [
      "a disk with sectors that the machine's disks cannot have",
      { previous: { ...image, disk: { ...disk, sectorBytes: 4096 } }, candidate: image },
      {},
      /previous image has sectors of 4096 bytes, and 'qemu' machines boot by uefi firmware from disks of 512 only/,
    ],
    [
      "a machine whose disks can have those sectors",
      { previous: { ...image, disk: { ...disk, sectorBytes: 4096 } }, candidate: image },
      { sectorBytes: [512, 4096] },
      null,
    ],
    [
      "sectors of a disk that is not booted",
      { previous: image, candidate: { ...image, disk: { ...disk, sectorBytes: 4096 } } },
      {},
      null,
    ],
    [
      "the driver refuses",
      { previous: image, candidate: image },
      { refusal: "No OVMF." },
      /No OVMF/,
    ],
    [
      "the driver's firmware cannot be given keys, and one of the images has its own",
      { previous: image, candidate: { ...image, secureBootKeys: "/keys" } },
      { ownKeysRefusal: "Keys cannot be given." },
      /Keys cannot be given/,
    ],
    [
      "a firmware without the usual keys is enough where the images bring theirs",
      {
        previous: { ...image, secureBootKeys: "/keys" },
        candidate: { ...image, secureBootKeys: "/keys" },
      },
      { refusal: "No keys.", ownKeysRefusal: null },
      null,
    ],
    [
      "images that are signed by different keys",
      { previous: image, candidate: { ...image, secureBootKeys: "/keys" } },
      { firmware: "uefi-secure-boot" },
      /Its images are signed by different keys/,
    ],
    [
      "keys where nothing looks at them",
      { previous: image, candidate: { ...image, secureBootKeys: "/keys" } },
      {},
      null,
    ],
  ])("%s", (_, images, choice, expected) => {
    const skip = skipOf(images, choice);
    if (expected === null) expect(skip).toBeNull();
    else expect(skip).toMatch(expected);
  });

  const lacking: readonly [string, LoadedScenario["definition"]["needs"], RegExp | null][] = [
    [
      "another architecture",
      { images: ["candidate"], architectures: ["aarch64"] },
      /about aarch64, the machine is x86_64/,
    ],
    ["its own architecture", { images: ["candidate"], architectures: ["x86_64"] }, null],
    [
      "more memory than the run gives",
      { images: ["candidate"], memoryMiB: 4096 },
      /needs a guest with 4096 MiB of memory, and this run gives 1536 MiB \(--memory\)/,
    ],
    ["as much memory as the run gives", { images: ["candidate"], memoryMiB: 1536 }, null],
    [
      "disks that the machine cannot be given",
      { images: ["candidate"], blankDisksMiB: [1024, 1024] },
      /needs 2 empty disks beside the one that it boots from, and 'qemu' machines cannot be given any/,
    ],
    ["services that it has", { images: ["candidate"], capabilities: ["services"] }, null],
    [
      "a disk on another bus than the machine has",
      { images: ["candidate"], diskBus: "nvme" },
      /needs a disk on NVMe, and what the disks of 'qemu' machines hang on cannot be chosen/,
    ],
    [
      "a TPM that the machine cannot be given",
      { images: ["candidate"], tpm: true },
      /needs a machine with a TPM, and 'qemu' machines cannot be given one/,
    ],
    [
      "keys that the machine cannot be sent",
      { images: ["candidate"], capabilities: ["power", "keys"] },
      /needs a machine with keys, and 'qemu' machines lack it/,
    ],
  ];
  test.each(lacking)("a story that needs %s", (_, needs, expected) => {
    const [job] = planJobs({
      scenarios: [story("a/b", needs)],
      images: { candidate: image },
      machines: [machine],
      repeatOptions: [],
    });
    if (expected === null) expect(job?.skip).toBeNull();
    else expect(job?.skip).toMatch(expected);
  });

  test("the repeat line names the scenario, its images and its machine", () => {
    const [job] = planJobs({
      scenarios: [upgrade],
      images: { previous: image, candidate: image },
      machines: [machine],
      repeatOptions: ["--candidate", "my disk.qcow2"],
    });
    expect(job?.repeat).toBe(
      "npm run -s bootgate -- run bootc/upgrade --candidate 'my disk.qcow2' --machine qemu --firmware uefi",
    );
    expect(job?.id).toBe("bootc/upgrade@qemu-x86_64-uefi");
    const [elsewhere] = planJobs({
      scenarios: [upgrade],
      images: { previous: image, candidate: image },
      machines: [{ ...machine, driver: "libvirt", word: "libvirt:qemu+ssh://lab/system?a=b" }],
      repeatOptions: [],
    });
    expect(elsewhere?.repeat).toContain(" --machine 'libvirt:qemu+ssh://lab/system?a=b' ");
    expect(elsewhere?.id).toBe("bootc/upgrade@libvirt-x86_64-uefi");
  });

  test("boards are told apart by their names", () => {
    const boards = ["board:pi-3", "board:pi-4"];
    const jobs = planJobs({
      scenarios: [upgrade],
      images: { previous: image, candidate: image },
      machines: boards.map((word) => ({ ...machine, driver: "board" as const, word })),
      repeatOptions: [],
    });
    expect(jobs.map(({ id }) => id)).toEqual([
      "bootc/upgrade@board-pi-3-x86_64-uefi",
      "bootc/upgrade@board-pi-4-x86_64-uefi",
    ]);
    expect(jobs.map((job) => jobFacts(job).machine.board)).toEqual(["pi-3", "pi-4"]);
    expect(jobs[1]?.repeat).toContain(" --machine board:pi-4 ");
  });

  test("firmware that the catalogue does not name is skipped with that reason", () => {
    const catalogue = { entry: "iot-raw", promises: [], lacks: [], firmware: ["uefi"] };
    const images = { previous: image, candidate: { ...image, catalogue } };
    const health = story("boot/health", { images: ["candidate"] });
    const skips = planJobs({
      scenarios: [health],
      images,
      machines: [machine, { ...machine, firmware: "bios" }],
      repeatOptions: [],
    }).map(({ skip }) => skip);
    expect(skips).toEqual([null, "The catalogue says that iot-raw boots by uefi firmware only."]);
  });

  test("several profiles give each scenario a job on each of them, told apart by id", () => {
    const jobs = planJobs({
      scenarios: [story("boot/health", { images: ["candidate"] }), upgrade],
      images: { previous: image, candidate: image },
      machines: [machine, { ...machine, firmware: "bios" }],
      repeatOptions: [],
    });
    expect(jobs.map(({ id, skip }) => [id, skip === null])).toEqual([
      ["boot/health@qemu-x86_64-uefi", true],
      ["boot/health@qemu-x86_64-bios", true],
      ["bootc/upgrade@qemu-x86_64-uefi", true],
      ["bootc/upgrade@qemu-x86_64-bios", false],
    ]);
    expect(jobs[1]?.repeat).toMatch(/--firmware bios$/);
  });

  test("the suite `full` has everything, and `gate` all but what is only for it", () => {
    const daily = story("a/daily", { images: [] });
    const rare = story("a/rare", { images: [] });
    const all = [daily, { ...rare, definition: { ...rare.definition, suite: "full" as const } }];
    const ids = (suite: "gate" | "full") =>
      selectScenarios(all, [], suite, () => null).map(({ id }) => id);
    expect(ids("gate")).toEqual(["a/daily"]);
    expect(ids("full")).toEqual(["a/daily", "a/rare"]);
  });

  test("scenarios are chosen by id, by folder and by suite, and a wrong name suggests the near one", async () => {
    const all = await discoverScenarios();
    const ids = (names: string[]) =>
      selectScenarios(all, names, "gate", () => "boot/health").map(({ id }) => id);
    expect(ids(["boot/health"])).toEqual(["boot/health"]);
    expect(ids(["bootc"]).every((id) => id.startsWith("bootc/"))).toBe(true);
    expect(ids([]).length).toBeGreaterThanOrEqual(7);
    expect(() => ids(["boot/helth"])).toThrow(
      "The scenario 'boot/helth' does not exist. Did you mean 'boot/health'?",
    );
  });
});
