// The root channel's port of a guest whose programs say what a test wants, with a real shell behind it.

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createWorkspace } from "../../../harness/base/workspace.ts";
import { bootIdPath } from "../../../harness/guest/commands.ts";
import { ShellPort } from "./shell-port.ts";
import { oneBootId } from "./ssh-fake.ts";

/** Programs of the guest, by name: what their shell scripts say. */
export type Programs = Readonly<Record<string, string>>;

/** `cat` of a guest that is up: its boot ID, or its load. */
export const boots = `case "$*" in *boot_id) echo ${oneBootId} ;; *) echo 0.1 0.1 0.1 1/1 1 ;; esac`;

/** A search path on which these programs come before the host's. */
export async function programFolder(programs: Programs) {
  const workspace = await createWorkspace("programs");
  const bin = join(workspace.path, "bin");
  mkdirSync(bin);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return {
    path: `${bin}:${process.env.PATH}`,
    workspace,
    [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose](),
  };
}

/** A guest whose shell finds these programs before the host's. `cat` and `grep` are the places where it would see the host. */
export async function guestShell(programs: Programs) {
  const { path, workspace } = await programFolder(programs);
  const port = new ShellPort();
  const bootIdFile = join(workspace.path, "boot_id");
  writeFileSync(bootIdFile, `${oneBootId}\n`);
  port.files.set(bootIdPath, bootIdFile);
  port.start({ ...process.env, PATH: path });
  return {
    port,
    /** What its channel says of its boot. */
    bootIdFile,
    async [Symbol.asyncDispose]() {
      port.stop();
      await workspace[Symbol.asyncDispose]();
    },
  };
}
