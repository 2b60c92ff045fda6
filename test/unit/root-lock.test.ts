/** What a root is locked by, in the words of lsblk, cryptsetup, kernel arguments and crypttab. */
import { describe, expect, test } from "vitest";
import { lockWords } from "../../harness/engine/tpm-unlock.ts";
import { asksTpm, parseLocked, tpmTokens } from "../../harness/guest/tools/root-lock.ts";

describe("the device of the root", () => {
  test("LUKS below a mapped device and LVM", () => {
    expect(
      parseLocked("/dev/mapper/root ext4        1.0\n/dev/vda3        crypto_LUKS 2\n/dev/vda\n"),
    ).toEqual({ device: "/dev/vda3", version: "2" });
    expect(
      parseLocked(
        "/dev/mapper/fedora-root xfs\n/dev/mapper/luks-1 LVM2_member LVM2 001\n/dev/nvme0n1p3 crypto_LUKS 1\n",
      ),
    ).toEqual({ device: "/dev/nvme0n1p3", version: "1" });
  });
  test.each([
    "",
    "/dev/vda3 ext4 1.0\n/dev/vda\n",
    "crypto_LUKS 2\n",
    "/dev/vda3 notcrypto_LUKS 2",
  ])("not on LUKS: %j", (text) => {
    expect(parseLocked(text)).toBeNull();
  });
});

test("tokens of a TPM among others, by systemd of several releases", () => {
  const tokens = {
    "0": { type: "systemd-recovery", keyslots: ["1"] },
    "1": { type: "systemd-tpm2", keyslots: ["2"], "tpm2-pcrs": [7], "tpm2-pcr-bank": "sha256" },
    "2": { type: "clevis", keyslots: ["3"], jwe: {} },
    "3": {
      type: "systemd-tpm2",
      keyslots: ["4"],
      "tpm2-blob": ["a", "b"],
      "tpm2-pcrs": [],
      "tpm2-pin": true,
      tpm2_pubkey_pcrs: [11],
    },
  };
  expect(tpmTokens({ tokens })).toEqual([
    { pcrs: [7], signedPcrs: [], wantsPin: false },
    { pcrs: [], signedPcrs: [11], wantsPin: true },
  ]);
});

test.each([
  [["rd.luks.options=11-22=tpm2-device=auto"], "", true],
  [["luks.options=tpm2-device=auto,headless=true"], "", true],
  [["rd.luks.options=discard,tpm2-device=/dev/tpmrm0"], "", true],
  [["rd.luks.name=11-22=root"], "", false],
  [["systemd.setenv=luks.options=tpm2-device=auto"], "", false],
  [[], "root UUID=11-22 none discard,tpm2-device=auto\n", true],
  [[], "# root UUID=11-22 none tpm2-device=auto\n", false],
  [[], "root UUID=11-22 none luks\n", false],
])("%j and %j ask for a TPM: %s", (words, crypttab, asks) => {
  expect(asksTpm(words, crypttab)).toBe(asks);
});

test("what a token is bound to is told", () => {
  const token = { pcrs: [9, 7], signedPcrs: [11], wantsPin: false };
  const lock = { device: "/dev/vda3", version: "2", isAsked: false, tokens: [token] } as const;
  expect(lockWords(lock)).toBe(
    "The root lies on LUKS (/dev/vda3), and the TPM opens it by a token that is bound to PCR 7, 9 and a signed policy of PCR 11; neither kernel arguments nor crypttab ask for it.",
  );
});
