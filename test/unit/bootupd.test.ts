/** What bootupd and GRUB's configuration say, read from recorded output of the real ones and from what they could say. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../../harness/base/package-root.ts";
import type { GuestIo } from "../../harness/guest/guest-io.ts";
import {
  bootupdOf,
  parseEfiDevices,
  parseHashes,
  parseValidation,
} from "../../harness/guest/tools/bootupd.ts";
import { parseEntries, parseGrubConfig } from "../../harness/guest/tools/grub.ts";

/** One answer to every command. */
const answering = (exitCode: number, stdout: string, stderr = ""): GuestIo => ({
  name: "candidate",
  timeScale: 1,
  lookAt: "console.log",
  exec: async (command) => ({ command, exitCode, stdout, stderr, truncated: false, durationMs: 0 }),
});

const recorded = async (name: string): Promise<string> => {
  const file = join(packageRoot, "fixtures/transcripts/bootupd-0.2.35", name);
  const [, stdout = ""] =
    /^--- stdout\n(.*?)^--- stderr/ms.exec(await readFile(file, "utf8")) ?? [];
  return stdout;
};

describe("bootupctl", () => {
  test("tells its status as the real one did", async () => {
    const status = await bootupdOf(
      answering(0, await recorded("18-bootupctl-status-json.txt")),
    ).status();
    expect(status?.components["EFI"]).toMatchObject({
      installed: { version: "grub2-2.14-4,shim-1.51-16.1-2" },
      updatable: "at-latest-version",
    });
  });

  test("that is not there is told apart from one that fails", async () => {
    expect(await bootupdOf(answering(127, "", "not found")).status()).toBeNull();
    await expect(bootupdOf(answering(1, "", "error: boom")).status()).rejects.toThrow(
      /ended with exit code 1/,
    );
  });

  test("in a container has another status, which is refused", async () => {
    const container = answering(0, '{"components":["BIOS","EFI"]}');
    await expect(bootupdOf(container).status()).rejects.toThrow(/did not print the JSON it should/);
  });

  test("names what changed and what is gone", async () => {
    const said =
      "Changed: fedora/grubx64.efi\nRemoved: BOOT/BOOTX64.EFI\nerror: Caught validation errors";
    expect(parseValidation(said, 1)).toMatchObject({
      isValid: false,
      changed: ["fedora/grubx64.efi"],
      removed: ["BOOT/BOOTX64.EFI"],
    });
    await expect(bootupdOf(answering(1, "", "error: No lock")).validate()).rejects.toThrow(
      /failed and did not name a file/,
    );
  });
});

test("hashes are read with names that have spaces, and escaped ones", () => {
  const hash = "a".repeat(64);
  expect(parseHashes(`${hash}  ./BOOT/a b.efi\n\\${hash}  ./x\\ny\nnoise\n`)).toEqual({
    "BOOT/a b.efi": hash,
    "x\\ny": hash,
  });
});

test("devices of the EFI type are found among others, in either case", () => {
  const rows = [
    "/dev/vda",
    "/dev/vda1 21686148-6449-6e6f-744e-656564454649",
    "/dev/vda2 C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
  ];
  expect(parseEfiDevices(rows.join("\n"))).toEqual(["/dev/vda2"]);
});

describe("grub.cfg", () => {
  test("says who wrote it", () => {
    const text = "### BEGIN 10_blscfg.cfg ###\n  blscfg\n### END 10_blscfg.cfg ###\n";
    expect(parseGrubConfig(text, false)).toMatchObject({
      sections: ["10_blscfg.cfg"],
      readsEntries: true,
    });
    expect(parseGrubConfig("# blscfg is not used\n", true).readsEntries).toBe(false);
  });

  test("entries come in the order of the menu, whatever order their files have", () => {
    const row = (name: string, version: number, rest: string): string =>
      [`version ${version}`, `options root=UUID=1 ${rest} rw`]
        .map((line) => `/boot/loader/entries/${name}.conf:${line}`)
        .join("\n");
    const text = [
      row("ostree-1", 1, "ostree=/ostree/boot.0/default/a/0"),
      row("ostree-10", 10, "ostree=/ostree/boot.0/default/b/0"),
      row("rescue", 2, "single"),
    ].join("\n");
    expect(parseEntries(text).map(({ deployment }) => deployment)).toEqual([
      "ostree=/ostree/boot.0/default/b/0",
      null,
      "ostree=/ostree/boot.0/default/a/0",
    ]);
  });
});
