/**
 * Power cuts of a simulated guest. Its disk does not have bytes, so the record is empty, and what cuts leave is known beforehand: the old
 * image alone, or the new one with the old one for rollback. What a sabotaged system leaves comes besides.
 */
import { createHash } from "node:crypto";
import { asDigest } from "../../harness/base/units.ts";
import type { CutState, CutsOpener } from "../../harness/cuts/cuts.ts";
import { keepRecord } from "../../harness/cuts/keep-record.ts";
import type { CutPoint } from "../../harness/cuts/points.ts";
import type { DiskRecord, MachineSpec } from "../../harness/machine/machine.ts";
import type { Image } from "../../images/image.ts";
import type { SabotageName } from "./sabotages.ts";
import type { SimulatedSystem } from "./system.ts";
import type { SimulatedWorld } from "./world.ts";

type Left = (system: SimulatedSystem) => void;

/** What lies on the disks that cuts have left, by the disks' digests. */
const disks = new WeakMap<SimulatedWorld, Map<string, Left>>();

/** Gives a new system what a power cut has left on the disk of its machine, where one has. */
export function leaveCut(system: SimulatedSystem, [disk]: MachineSpec["disks"]): void {
  if (disk?.kind === "overlay") disks.get(system.world)?.get(disk.contentDigest)?.(system);
}

/** The record of a machine that has one. */
export function simulatedRecord({ recordsWrites }: MachineSpec): DiskRecord | null {
  if (recordsWrites !== true) return null;
  return {
    path: "/simulated/writes",
    before: { path: "/simulated/v1.qcow2", format: "qcow2" },
    position: async () => 0,
  };
}

const leavesOld: Left = () => undefined;
const leavesImage =
  (digest: string, hasRollback = true): Left =>
  (system) => {
    const { booted, world } = system;
    const image = system.deploy(world.image(digest), booted.reference);
    system.deployments = hasRollback ? [image, booted] : [image];
  };

/** Makes the power cuts of machines of a world that were upgraded to an image. */
export const simulatedCuts =
  (world: SimulatedWorld, next: Image, sabotage: SabotageName | null): CutsOpener =>
  async (record, { image }) => {
    const other = `sha256:${"9".repeat(64)}`;
    const kinds: readonly (readonly [string, Left])[] = [
      ["the old image", leavesOld],
      ["the new image", leavesImage(next.digest)],
      ...(sabotage === "cut-leaves-another"
        ? [["another image", leavesImage(other)] as const]
        : []),
      ...(sabotage === "cut-loses-rollback"
        ? [["the new image alone", leavesImage(next.digest, false)] as const]
        : []),
      ...(sabotage === "cut-leaves-nothing"
        ? [
            [
              "no kernel",
              (system: SimulatedSystem) => {
                system.lacksKernel = true;
              },
            ] as const,
          ]
        : []),
    ];
    const states = kinds.map(([text], index): CutState => {
      const point: CutPoint = { number: index + 1, seed: "1", entries: index, survival: "flush" };
      return { text, isOdd: text === "no kernel", points: [point] };
    });
    return {
      count: kinds.length,
      seed: "1",
      range: { first: 0, last: kinds.length },
      unread: [],
      states: async () => states,
      async disk(state) {
        const digest = createHash("sha256").update(`cut ${state.text}`).digest("hex");
        const left = kinds.find(([text]) => text === state.text)?.[1] ?? leavesOld;
        const known = disks.get(world) ?? new Map<string, Left>();
        disks.set(world, known);
        const path = "/simulated/cut.raw";
        const disk = { path, format: "raw" as const, digest: asDigest(`sha256:${digest}`) };
        known.set(disk.digest, left);
        return { ...image, disk, cutAt: state.points[0].number };
      },
      keep: (folder) =>
        keepRecord("/dev/null", { before: record.before, first: 0, seed: "1" }, folder),
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
