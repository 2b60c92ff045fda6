/** A lab of the real labgrid: its coordinator, an exporter, and a place of what that offers. It comes from PyPI into a folder of the cache. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { freePort } from "../../harness/base/free-port.ts";
import { packageRoot } from "../../harness/base/package-root.ts";
import { cacheRoot } from "../../harness/base/places.ts";
import { runCommand } from "../../harness/base/process.ts";
import { waitFor } from "../../harness/base/wait.ts";
import { pipInstall } from "../../images/pip-install.ts";
import { fillSlot } from "../../images/reference/cache-slot.ts";

const requirements = join(packageRoot, "test", "boards", "labgrid-requirements.txt");
const programs = ["labgrid-client", "labgrid-coordinator", "labgrid-exporter"] as const;
const { signal } = new AbortController();

/** A folder for PATH with labgrid's programs in it. */
async function provideLabgrid(folder: string): Promise<string> {
  const key = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex");
  const cacheDir = cacheRoot();
  const slot = await fillSlot(
    join(cacheDir, "labgrid", key.slice(0, 12)),
    async (target) => {
      await pipInstall({ requirements, target, signal });
    },
    { onProgress: () => undefined, signal },
  );
  const bin = join(folder, "labgrid-bin");
  await mkdir(bin);
  for (const name of programs) {
    const words = `#!/bin/sh\nPYTHONPATH='${slot}' exec python3 '${slot}/bin/${name}' "$@"\n`;
    await writeFile(join(bin, name), words);
    await chmod(join(bin, name), 0o755);
  }
  return bin;
}

export class Lab implements AsyncDisposable {
  /** For PATH, before all else. */
  readonly bin: string;
  /** `HOST:PORT` of the coordinator. */
  readonly coordinator: string;
  readonly #folder: string;
  readonly #children: { child: ChildProcess; gone: Promise<void> }[] = [];

  private constructor(folder: string, bin: string, coordinator: string) {
    this.#folder = folder;
    this.bin = bin;
    this.coordinator = coordinator;
  }

  /** Starts a lab with one place. `resources`: of the exporter's group, as its file says them. */
  static async start(folder: string, place: string, resources: object): Promise<Lab> {
    const bin = await provideLabgrid(folder);
    const lab = new Lab(folder, bin, `127.0.0.1:${await freePort()}`);
    await lab.#start("labgrid-coordinator", ["-l", lab.coordinator]);
    await lab.#answers(["places"], () => true);
    // YAML reads JSON.
    await writeFile(join(folder, "exporter.yaml"), JSON.stringify({ [place]: resources }));
    await lab.#start("labgrid-exporter", ["-c", lab.coordinator, "-n", "lab", "exporter.yaml"]);
    const wanted = Object.keys(resources).length;
    await lab.#answers(["resources"], (said) => said.trim().split("\n").length >= wanted);
    await lab.client(["-p", place, "create"]);
    await lab.client(["-p", place, "add-match", `lab/${place}/*`]);
    return lab;
  }

  /** Runs the client as somebody, in the lab's network. */
  async client(args: readonly string[], user = "lab-keeper"): Promise<string> {
    const { stdout } = await runCommand(
      join(this.bin, "labgrid-client"),
      ["-x", this.coordinator, ...args],
      { signal, env: { LG_USERNAME: user } },
    );
    return stdout;
  }

  /** Who has a place, as the coordinator writes it down a moment later; null: nobody. The client would take seconds to say it. */
  async holder(place: string): Promise<string | null> {
    const places: unknown = parse(await readFile(join(this.#folder, "places.yaml"), "utf8"));
    return z.record(z.string(), z.object({ acquired: z.string().nullable() })).parse(places)[place]
      ?.acquired as string | null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child, gone } of this.#children.reverse()) {
      child.kill("SIGKILL");
      await gone;
    }
  }

  async #start(name: (typeof programs)[number], args: readonly string[]): Promise<void> {
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", join(this.bin, name), ...args], {
      cwd: this.#folder,
      stdio: "ignore",
    });
    const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
    this.#children.push({ child, gone });
  }

  async #answers(args: readonly string[], isRight: (said: string) => boolean): Promise<void> {
    await waitFor({
      what: `labgrid to answer '${args.join(" ")}'`,
      timeoutMs: 60_000,
      intervalMs: 200,
      signal,
      probe: async () => ((await this.client(args).then(isRight, () => false)) ? true : undefined),
    });
  }
}
