import { expect, test } from "vitest";
import { asDigest } from "../../harness/base/units.ts";
import { bootcHost } from "../../harness/guest/tools/bootc.ts";
import {
  type Claims,
  checkDeployments,
  identityOf,
} from "../../harness/guest/tools/deployments.ts";
import type { Image } from "../../images/image.ts";

const image = (name: string, letter: string): Image => ({
  name,
  digest: asDigest(`sha256:${letter.repeat(64)}`),
  manifest: asDigest(`sha256:${letter.repeat(64)}`),
  architecture: "x86_64",
  disk: null,
  oci: null,
  follows: null,
  standIns: [],
});
const v1 = image("reference:v1", "1");
const v2 = image("reference:v2", "2");

const entry = (digest: string | null) => ({
  image: digest && {
    image: { image: "os:stable", transport: "registry" },
    imageDigest: digest,
    architecture: "amd64",
  },
  incompatible: digest === null,
  pinned: false,
  ostree: { checksum: "c".repeat(64), deploySerial: 0, stateroot: "default" },
});
const host = (status: Record<string, unknown>) =>
  bootcHost.parse({ apiVersion: "v1", kind: "BootcHost", spec: {}, status });

test("a picture that fits says nothing", () => {
  const status = host({ booted: entry(v2.digest), rollback: entry(v1.digest) });
  const expected = { booted: v2, staged: null, rollback: v1.digest };
  expect(() => checkDeployments("guest", status, expected, [v1])).not.toThrow();
});

test("a mismatch shows all three slots, with names where the digest is known", () => {
  const status = host({ booted: entry(v1.digest), staged: entry(`sha256:${"a".repeat(64)}`) });
  const expected = { booted: v2, staged: null, rollback: v1 };
  expect(() => checkDeployments("v1", status, expected, [v1])).toThrowErrorMatchingInlineSnapshot(`
    [ExpectationFailed: Guest 'v1' does not have the expected booted and staged and rollback deployment.
      booted     expected reference:v2 (sha256:222222222222)
                 got      reference:v1 (sha256:111111111111)
      staged     expected nothing
                 got      sha256:aaaaaaaaaaaa
      rollback   expected reference:v1 (sha256:111111111111)
                 got      nothing]
  `);
});

test("the composefs backend of an older bootc tells the image's ID, which stands for the same image", () => {
  const id = asDigest(`sha256:${"d".repeat(64)}`);
  const named = { ...v1, oci: { layout: "/oci", tag: "v1", id } };
  const composefs = { verity: "e".repeat(128), bootType: "Bls", bootloader: "systemd" };
  const expected = { booted: named, staged: null, rollback: null };
  const check = (booted: unknown) => () =>
    checkDeployments("v1", host({ booted }), expected, [named]);
  expect(check({ ...entry(id), ostree: null, composefs })).not.toThrow();
  expect(check(entry(id))).toThrow(/expected booted deployment/);
  expect(check({ ...entry(v2.digest), ostree: null, composefs })).toThrow(/expected booted/);
});

test("what an older bootc staged has a digest of bootc's own making, which may be that of the image", () => {
  const composefs = { verity: "e".repeat(128), bootType: "Bls", bootloader: "systemd" };
  const made = (letter: string) => ({ ...entry(letter.repeat(64)), ostree: null, composefs });
  const expected = { booted: v2, staged: null, rollback: v1.digest };
  const check = (status: Record<string, unknown>) => () =>
    checkDeployments("v2", host(status), expected, [v1, v2]);
  expect(check({ booted: made("2"), rollback: made("1") })).not.toThrow();
  const doubtful = check({ booted: made("a"), rollback: made("1") });
  expect(doubtful).toThrow(/a digest of its own making[\s\S]*booted +expected reference:v2/);
  expect(doubtful).toThrow(expect.objectContaining({ blame: "host" }));
  // What is wrong besides decides.
  expect(check({ booted: made("a"), rollback: null })).toThrow(/expected booted and rollback/);
  expect(check({ booted: entry("2".repeat(64)), rollback: made("1") })).toThrow(/expected booted/);
});

test("a deployment that is not from an image is not nothing", () => {
  const status = host({ booted: entry(v1.digest), rollback: entry(null) });
  const expected = { booted: v1, staged: null, rollback: null };
  expect(() => checkDeployments("v1", status, expected, [v1])).toThrowErrorMatchingInlineSnapshot(`
    [ExpectationFailed: Guest 'v1' does not have the expected rollback deployment.
      booted     reference:v1 (sha256:111111111111), as expected
      staged     nothing, as expected
      rollback   expected nothing
                 got      ostree commit cccccccccccc with local packages, not from an image]
  `);
});

const bare: Image = { ...image("disk.qcow2", "d"), manifest: null };
const claim = (said: string | null): Claims => ({ of: () => said });

test.each([
  ["an image", entry(v1.digest), v1.digest],
  ["ostree alone, or local packages", entry(null), `ostree commit ${"c".repeat(64)}`],
])("a bare disk is what its guest said first: %s", (_kind, booted, said) => {
  const status = host({ booted });
  const expected = { booted: bare, staged: null, rollback: null };
  expect(identityOf(status.status.booted)).toBe(said);
  expect(() => checkDeployments("g", status, expected, [], claim(said))).not.toThrow();
  expect(() => checkDeployments("g", status, expected, [], claim(v2.digest))).toThrow(
    /does not have the expected booted deployment[\s\S]*expected disk.qcow2 \(sha256:222222222222\)/,
  );
});

test("a composefs deployment that is not from an image is known by its digest", () => {
  const composefs = { verity: "f".repeat(64), bootType: "Bls" };
  const status = host({ booted: { ...entry(null), ostree: null, composefs } });
  expect(identityOf(status.status.booted)).toBe(`composefs ${"f".repeat(64)}`);
});

test("where the first boot said nothing nobody can tell, and the image is not blamed", () => {
  const status = host({ booted: entry(v1.digest) });
  const expected = { booted: bare, staged: null, rollback: null };
  const check = () => checkDeployments("g", status, expected, [bare], claim(null));
  expect(check).toThrow(/is not known[\s\S]*--candidate-oci/);
  expect(check).toThrow(expect.objectContaining({ blame: "host" }));
});

test("an image with a manifest is held against it, whatever a guest claims", () => {
  const status = host({ booted: entry(v1.digest) });
  const expected = { booted: v2, staged: null, rollback: null };
  expect(() => checkDeployments("g", status, expected, [], claim(v1.digest))).toThrow(/booted/);
});
