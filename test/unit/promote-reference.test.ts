import { expect, test } from "vitest";
import { UsageError } from "../../harness/base/errors.ts";
import { asDigest } from "../../harness/base/units.ts";
import { referrersTag } from "../../harness/gate/promote/record-decision.ts";
import {
  parseDestination,
  parseExpectation,
  parseSource,
} from "../../harness/gate/promote/reference.ts";

const digest = asDigest(`sha256:${"a".repeat(64)}`);

test.each([
  ["registry.example/os:stable", "registry.example", "os", "stable"],
  ["docker://registry.example:5000/a/b-c/os:v1.2", "registry.example:5000", "a/b-c/os", "v1.2"],
  ["localhost/os:stable", "localhost", "os", "stable"],
  ["localhost:5000/os:stable", "localhost:5000", "os", "stable"],
  ["runner:5000/os:stable", "runner:5000", "os", "stable"],
])("%s is a tag at a registry", (text, host, repository, tag) => {
  expect(parseDestination(text)).toEqual({ host, repository, tag, name: `${host}/${repository}` });
});

test.each([
  "",
  "os:stable",
  "library/os:stable",
  "registry.example/os",
  `registry.example/os@${digest}`,
  `registry.example/os:stable@${digest}`,
  "registry.example/OS:stable",
  "registry.example/../os:stable",
  "registry.example/os:-stable",
  "registry.example/os:stable\n",
  "registry.example/os:stable?x=y",
  "user@registry.example/os:stable",
  "https://registry.example/os:stable",
  `registry.example/${"a/".repeat(1000)}os:stable`,
  "registry.example:99999/os:stable",
  "localhost:0/os:stable",
  "256.256.256.256/os:stable",
])("%j is not a tag at a registry", (text) => {
  expect(() => parseDestination(text)).toThrow(UsageError);
});

test("a source is a layout or an image by digest", () => {
  expect(parseSource("oci:some/dir:v2")).toEqual({ kind: "layout", layout: "some/dir", tag: "v2" });
  expect(parseSource("oci:a:b:v2")).toEqual({ kind: "layout", layout: "a:b", tag: "v2" });
  const name = "registry.example:5000/os";
  expect(parseSource(`docker://${name}@${digest}`)).toEqual({ kind: "registry", name, digest });
});

test.each([
  "oci:dir",
  "oci::v2",
  "docker://registry.example/os:v2",
  `docker://registry.example/os:v2@${digest}`,
  `registry.example/os@${digest}`,
  "docker://registry.example/os@sha256:short",
  "dir:some/dir",
  "docker-archive:x.tar",
  `docker://registry.example:99999/os@${digest}`,
])("%j does not name one image for good", (text) => {
  expect(() => parseSource(text)).toThrow(UsageError);
});

test("what is expected of a tag is a digest or its absence", () => {
  expect(parseExpectation("absent")).toBeNull();
  expect(parseExpectation(digest)).toBe(digest);
  expect(() => parseExpectation("")).toThrow(UsageError);
  expect(() => parseExpectation("stable")).toThrow(/'absent'/);
});

test("the tag of the referrers is the digest with a dash", () => {
  expect(referrersTag(digest)).toBe(`sha256-${"a".repeat(64)}`);
});
