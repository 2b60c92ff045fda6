// What an image's programs on the host see of the harness's own environment, where the tokens of a CI are.
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { runPrivately } from "../../harness/states/build/private-run.ts";
import { fakeHost } from "./support/host-commands.ts";

test("a run on the host gets what it needs, what is passed on, and nothing else", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bootgate-private-"));
  try {
    const { path } = await fakeHost(folder, {});
    vi.stubEnv("PATH", `${path}:${process.env.PATH}`);
    vi.stubEnv("CI_JOB_TOKEN", "secret");
    vi.stubEnv("HTTPS_PROXY", "http://proxy.test:3128");
    await mkdir(join(folder, "evidence"));
    const { signal } = new AbortController();
    const nothing = (): void => undefined;
    const { exitCode, log } = await runPrivately(
      {
        ...{ name: "it", script: "env", args: [], look: async () => "", tell: nothing },
        ...{ stillMs: 60_000, limitMs: 60_000, passes: ["HTTPS_PROXY", "HTTP_PROXY"] },
      },
      {
        ...{ directory: join(folder, "evidence"), signal, runSignal: signal },
        ...{ onStage: nothing, onEvidence: nothing, onNote: nothing },
      },
    );
    expect(exitCode).toBe(0);
    const seen = (await readFile(log, "utf8")).split("\n").map((line) => line.split("=")[0]);
    expect(seen).toEqual(expect.arrayContaining(["PATH", "HOME", "HTTPS_PROXY", "LC_ALL"]));
    expect(seen).not.toContain("CI_JOB_TOKEN");
    expect(seen).not.toContain("NODE_ENV");
  } finally {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  }
});
