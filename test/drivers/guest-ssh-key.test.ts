import { statSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ensureSshKey, publicKeyOf } from "../../harness/guest/ssh/ssh-key.ts";
import { failureOf } from "../contract/support/failure.ts";

describe("the SSH key", () => {
  test("is made once, for its owner only, and is the same for all who come at once", async () => {
    const dir = await mkdtemp(join(tmpdir(), "bootgate-key-"));
    try {
      const keys = await Promise.all([1, 2, 3, 4].map(() => ensureSshKey(join(dir, "ssh"))));
      expect(new Set(keys.map(({ privateKey }) => privateKey)).size).toBe(1);
      expect(publicKeyOf(keys[0]?.privateKey ?? "")).toBe(keys[0]?.publicKey);
      expect(keys[0]?.publicKey).toMatch(/^ssh-ed25519 AAAA/);
      expect(statSync(join(dir, "ssh/id_ed25519")).mode & 0o777).toBe(0o600);
      expect(await readdir(join(dir, "ssh"))).toEqual(["id_ed25519"]);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  test("a damaged one is named with what to do", async () => {
    const dir = await mkdtemp(join(tmpdir(), "bootgate-key-"));
    try {
      await writeFile(join(dir, "id_ed25519"), "half a key");
      const failure = await failureOf(ensureSshKey(dir));
      expect(failure.kind).toBe("broken HostUnfit");
      expect(failure.text).toContain(`rm ${dir}/id_ed25519`);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
