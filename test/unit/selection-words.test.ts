import { expect, test } from "vitest";
import { imageWords, type SelectionOptions } from "../../harness/cli/wiring/selection.ts";

const options: SelectionOptions = {
  suite: "gate",
  candidate: "a.qcow2",
  machine: ["qemu"],
  firmware: ["uefi"],
  network: "closed",
  accelerator: "auto",
  memory: 1536,
};

test("a job is repeated over the same way into its guests", () => {
  const plain = ["--candidate", "a.qcow2"];
  expect(imageWords(options)).toEqual(plain);
  expect(imageWords({ ...options, channel: true, transport: "ssh" })).toEqual(plain);
  expect(imageWords({ ...options, channel: true, transport: "channel" })).toEqual([
    ...plain,
    "--transport",
    "channel",
  ]);
  expect(imageWords({ ...options, channel: false, transport: "ssh" })).toEqual([
    ...plain,
    "--no-channel",
  ]);
});

test("a job is repeated with what was said of its disk's architecture", () => {
  expect(imageWords({ ...options, architecture: "aarch64" })).toEqual([
    "--candidate",
    "a.qcow2",
    "--architecture",
    "aarch64",
  ]);
});
