/** The container image of bootgate: the Containerfile and the way without a container tool describe the same image. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../harness/base/package-root.ts";
import {
  containerConfig,
  containerPackages,
  containerSuite,
  kernelWords,
  userWords,
} from "../../harness/setup/container-image.ts";

const text = readFileSync(join(packageRoot, "images", "harness", "Containerfile"), "utf8");
const lines = text.split("\n").filter((line) => !line.startsWith("#"));
const wordsAfter = (word: string): string =>
  lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1) ?? "";

test("the Containerfile installs what host-packages names, and nothing else", () => {
  const installed = lines.flatMap((line) => /^ {6}(\S+) \\$/.exec(line)?.[1] ?? []);
  expect(installed).toEqual(containerPackages());
});

test("both start bootgate, as the same user who is not root", () => {
  const { config } = JSON.parse(containerConfig("sha256:aa").text) as {
    config: { User: string; WorkingDir: string; Entrypoint: string[] };
  };
  expect(config.User).toBe(wordsAfter("USER"));
  // A name would be refused by Kubernetes where `runAsNonRoot` is set.
  expect(config.User).toMatch(/^[1-9]\d*$/);
  expect(config.WorkingDir).toBe(wordsAfter("WORKDIR"));
  expect(config.Entrypoint).toEqual(JSON.parse(wordsAfter("ENTRYPOINT")));
});

test("both hold a kernel, by which the accelerator is proved", () => {
  expect(text).toContain(kernelWords.join(" \\\n && "));
});

test("both let group 0 write what the user may write, for a user whom OpenShift chooses", () => {
  expect(wordsAfter("RUN useradd")).toBe(userWords.join(" && ").replace(/^useradd /, ""));
  expect(wordsAfter("COPY")).toBe("--chown=1000:0 . /opt/bootgate");
  expect(text).toContain("chmod -R g=u /opt/bootgate");
});

test("both stand on the same release of Debian", () => {
  expect(wordsAfter("FROM")).toBe(`docker.io/library/debian:${containerSuite}`);
});
