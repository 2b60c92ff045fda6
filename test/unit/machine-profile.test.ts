/** Profiles of machines, the registry of drivers, and what of a machine is written down in one place only. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { InvalidArgumentError } from "commander";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { listOf, seconds } from "../../harness/cli/terminal/option-values.ts";
import { driverNames, openDriver, readMachineWord } from "../../harness/cli/wiring/drivers.ts";
import { machineKinds } from "../../harness/gate/policy/policy.ts";
import { consolePatience, profileOf, timeScaleOf } from "../../harness/machine/profile.ts";
import { qemuOptions } from "../../harness/machine/qemu/module.ts";
import { followedReference } from "../../images/reference/build.ts";
import { createSimulatedDriver } from "../simulated/driver.ts";
import { SimulatedWorld } from "../simulated/world.ts";

const root = join(import.meta.dirname, "..", "..");

test("a profile is the wish and the driver's own facts", () => {
  const driver = { ...createSimulatedDriver({ world: new SimulatedWorld() }), timeScale: 6 };
  const wish = {
    architecture: "x86_64",
    firmware: "bios",
    memoryMiB: 2048,
    cpus: 4,
    network: "open",
  } as const;
  expect(profileOf(driver, wish)).toEqual({
    ...wish,
    driver: "simulated",
    accelerator: "none",
    timeScale: 6,
    capabilities: driver.capabilities,
    // A BIOS does not boot from larger ones.
    sectorBytes: [512],
  });
  expect(profileOf(driver, { ...wish, firmware: "uefi" }).sectorBytes).toEqual([512, 4096]);
});

test("a host with KVM emulates the guests of another architecture, in the same run", () => {
  const driver = {
    ...createSimulatedDriver({ world: new SimulatedWorld() }),
    speedOf: (architecture: "x86_64" | "aarch64") =>
      architecture === "x86_64"
        ? { accelerator: "kvm", timeScale: 1 }
        : { accelerator: "tcg", timeScale: 6 },
  };
  const wish = { firmware: "uefi", memoryMiB: 2048, cpus: 2, network: "closed" } as const;
  const [x86, arm] = (["x86_64", "aarch64"] as const).map((architecture) =>
    profileOf(driver, { ...wish, architecture }),
  );
  expect(x86).toMatchObject({ accelerator: "kvm", timeScale: 1 });
  expect(arm).toMatchObject({ accelerator: "tcg", timeScale: 6 });
});

test("how slow emulation is is one number, from which the patience with its console follows", () => {
  expect(["kvm", "none", "tcg"].map(timeScaleOf)).toEqual([1, 1, 6]);
  expect([1, 6].map(consolePatience)).toEqual([1, 3]);
});

describe("the registry of drivers", () => {
  const host = {
    cacheDir: "/nonexistent",
    onProgress: () => undefined,
    signal: new AbortController().signal,
  };
  test("its names are those that a policy can name", () => {
    expect([...machineKinds]).toEqual(driverNames);
  });
  test.each([
    [{ accelerator: "hvf" }, /accelerator/],
    [{ kvmProbeSeconds: 0 }, /kvmProbeSeconds/],
    [{ board: "pi4-02" }, /board/],
  ])("refuses the options %o", async (options, words) => {
    const refused = openDriver("qemu", options, host);
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(words);
  });
  test("an option that was not given has the driver's own value", () => {
    expect(qemuOptions.parse({})).toEqual({ accelerator: "auto", kvmProbeSeconds: 15 });
  });
});

describe("a kind of machine on the command line", () => {
  test.each([
    ["qemu", "qemu", undefined],
    [" libvirt ", "libvirt", undefined],
    ["libvirt:qemu:///session?socket=/run/s", "libvirt", "qemu:///session?socket=/run/s"],
  ])("'%s'", (text, name, uri) => {
    expect(readMachineWord(text)).toMatchObject({ name, ...(uri === undefined ? {} : { uri }) });
  });
  test("a board is named by its kind and its own name", () => {
    const word = "board:desk-pi4";
    expect(readMachineWord(word)).toEqual({ name: "board", board: "desk-pi4", word });
  });
  test.each(["", "kvm", "libvirt:", "qemu:x", ":qemu", "board:"])("'%s' names none", (text) => {
    expect(readMachineWord(text)).toBeNull();
  });
  test("libvirt takes no other option than its own", async () => {
    const { signal } = new AbortController();
    const host = { cacheDir: "/nonexistent", onProgress: () => undefined, signal };
    await expect(openDriver("libvirt", { uri: "" }, host)).rejects.toThrow(/uri/);
    await expect(openDriver("libvirt", { pool: "x" }, host)).rejects.toThrow(/pool/);
    await expect(openDriver("qemu", { uri: "x" }, host)).rejects.toThrow(/uri/);
  });
});

describe("words of the command line", () => {
  const firmware = listOf(["uefi", "bios"]);
  test.each([
    ["uefi", ["uefi"]],
    ["uefi,bios", ["uefi", "bios"]],
    ["bios, uefi,bios", ["bios", "uefi"]],
  ])("'%s'", (text, words) => {
    expect(firmware(text)).toEqual(words);
  });
  test.each(["", "uefi,", "efi", "uefi bios"])("'%s' is refused", (text) => {
    expect(() => firmware(text)).toThrow(InvalidArgumentError);
  });
  test("seconds", () => {
    expect(seconds("150")).toBe(150);
    for (const text of ["0", "-1", "1m", "", "3601", "1e3"])
      expect(() => seconds(text), text).toThrow(InvalidArgumentError);
  });
});

test("the address of the registry is told by the driver; only what is written on the reference disk repeats it", async () => {
  const folders = ["harness", "fixtures", "scenarios", "images", "reports"];
  const found: string[] = [];
  for (const folder of folders)
    for (const name of await readdir(join(root, folder), { recursive: true })) {
      if (!/\.(?:ts|yaml)$/.test(name)) continue;
      const text = await readFile(join(root, folder, name), "utf8");
      if (!text.includes("10.0.2.100")) continue;
      // Comments and examples in descriptions may name it.
      const isUse = (line: string): boolean =>
        line.includes("10.0.2.100") && !/^\s*(?:\*|\/\/|\/\*\*|\.describe)/.test(line);
      if (text.split("\n").some(isUse)) found.push(join(folder, name));
    }
  expect(found.sort()).toEqual([
    "harness/machine/qemu/driver.ts",
    "images/catalogue.yaml",
    "images/reference/build.ts",
  ]);
  const [baked] = followedReference.split("/");
  const driver = await readFile(join(root, "harness/machine/qemu/driver.ts"), "utf8");
  const [, address, port] = /address: "([\d.]+)", port: (\d+)/.exec(driver) ?? [];
  expect(`${address}:${port}`).toBe(baked);
  expect(await readFile(join(root, "images/catalogue.yaml"), "utf8")).toContain(
    `follows: ${followedReference}`,
  );
});
