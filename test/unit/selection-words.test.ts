import { expect, test } from "vitest";
import {
  imageWords,
  type SelectionOptions,
  withChecksum,
} from "../../harness/cli/wiring/selection.ts";

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

test("a checksum and its keyring belong to the image that they are named beside", () => {
  const checksum = `sha256:${"1".repeat(64)}`;
  expect(withChecksum("candidate", "a.raw", undefined, "k")).toBe("a.raw");
  expect(withChecksum("candidate", "a.raw", checksum, undefined)).toEqual({
    name: "a.raw",
    checksum,
  });
  expect(withChecksum("candidate", { name: "a", oci: "oci:d:t" }, "CHECKSUM", "k")).toEqual({
    name: "a",
    oci: "oci:d:t",
    checksum: "CHECKSUM",
    keyring: "k",
  });
  expect(() => withChecksum("previous", undefined, checksum, undefined)).toThrow(
    "--previous-checksum is of the disk file that --previous names.",
  );
  const words = imageWords({ ...options, candidateChecksum: "CHECKSUM", keyring: "k" });
  expect(words).toEqual([
    ...["--candidate", "a.qcow2", "--candidate-checksum", "CHECKSUM", "--keyring", "k"],
  ]);
});

test("a job that was planned without derived images is repeated without them", () => {
  expect(imageWords({ ...options, derive: true })).toEqual(["--candidate", "a.qcow2"]);
  expect(imageWords({ ...options, derive: false })).toEqual([
    "--candidate",
    "a.qcow2",
    "--no-derive",
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
