/** Which machines a matrix plays on, where the command line says more of them. */
import { expect, test } from "vitest";
import { withMatrixDrivers } from "../../harness/cli/wiring/choose-jobs.ts";
import type { Matrix } from "../../harness/cli/wiring/matrix-file.ts";

test("a matrix names a kind of machine, and the command line which daemon that is of", () => {
  const matrix = { machines: [{ driver: "libvirt" }, { driver: "qemu" }] } as unknown as Matrix;
  const named = { machine: ["libvirt:qemu:///system"] } as const;
  expect(withMatrixDrivers(named, matrix).machine).toEqual(["libvirt:qemu:///system", "qemu"]);
  expect(withMatrixDrivers({ machine: ["qemu"] }, matrix).machine).toEqual(["libvirt", "qemu"]);
});
