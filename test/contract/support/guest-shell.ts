// A guest's shell behind its root channel's port, with programs that a test writes.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createWorkspace } from "../../../harness/base/workspace.ts";
import { bootIdPath } from "../../../harness/guest/commands.ts";
import { ShellPort } from "./shell-port.ts";
import { oneBootId } from "./ssh-fake.ts";

/** Programs of the guest, by name: what their shell scripts say. */
export type Programs = Readonly<Record<string, string>>;

/** A guest whose shell finds these programs before the host's. `cat` and `grep` are the places where it would see the host. */
export async function guestShell(programs: Programs) {
  const workspace = await createWorkspace("programs");
  const bin = join(workspace.path, "bin");
  mkdirSync(bin);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const port = new ShellPort();
  writeFileSync(join(workspace.path, "boot_id"), `${oneBootId}\n`);
  port.files.set(bootIdPath, join(workspace.path, "boot_id"));
  port.start({ ...process.env, PATH: `${bin}:${process.env.PATH}` });
  return {
    port,
    async [Symbol.asyncDispose]() {
      port.stop();
      await workspace[Symbol.asyncDispose]();
    },
  };
}

/** Script of `cat`: the boot ID, and else a load. */
export const boots = `case "$*" in *boot_id) echo ${oneBootId} ;; *) echo 0.1 0.1 0.1 1/1 1 ;; esac`;
