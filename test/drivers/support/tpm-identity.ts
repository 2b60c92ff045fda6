/** Who a TPM is: a key that it derives of its own seed, so two with one state have the same and a new one has another. */
import { cp } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { exists } from "../../../harness/base/exists.ts";
import { startProcess } from "../../../harness/base/process.ts";
import { waitFor } from "../../../harness/base/wait.ts";
import { createWorkspace } from "../../../harness/base/workspace.ts";

const { signal } = new AbortController();

/** TPM2_CreatePrimary of an ECC storage key below the endorsement hierarchy (TPM 2.0 Library, part 3, 24.1). */
const createPrimary = Buffer.from(
  [
    "8002 00000043 00000131 4000000b",
    // Authorisation: an empty password.
    "00000009 40000009 0000 00 0000",
    "0004 0000 0000",
    // P-256, restricted and for decryption, with AES-128-CFB.
    "001a 0023 000b 00030472 0000 0006 0080 0043 0010 0003 0010 0000 0000",
    "0000 00000000",
  ]
    .join("")
    .replaceAll(" ", ""),
  "hex",
);

/** The key of the TPM whose state is in a folder, as hexadecimal digits. The folder is only read. */
export async function tpmIdentity(folder: string): Promise<string> {
  await using workspace = await createWorkspace("tpm");
  const state = join(workspace.path, "state");
  await cp(folder, state, { recursive: true });
  const [socket, isUp] = [join(workspace.sockets, "t"), join(workspace.sockets, "pid")];
  await using _tpm = startProcess("swtpm", [
    ...["socket", "--tpm2", "--tpmstate", `dir=${state}`, "--pid", `file=${isUp}`],
    ...["--server", `type=unixio,path=${socket}`, "--flags", "not-need-init,startup-clear"],
  ]);
  await waitFor({
    what: "swtpm",
    probe: async () => ((await exists(isUp)) ? true : undefined),
    timeoutMs: 20_000,
    intervalMs: 20,
    signal,
  });
  const answer = await ask(socket);
  if (answer.readUInt32BE(6) !== 0) throw new Error(`The TPM answered ${answer.toString("hex")}`);
  // Header, handle, length, public area up to its two coordinates (part 2, 12.2.4).
  return answer.subarray(14 + 4 + 2 + 22, 14 + 4 + 2 + 22 + 68).toString("hex");
}

async function ask(socket: string): Promise<Buffer> {
  const peer = connect(socket);
  peer.write(createPrimary);
  for await (const bytes of peer) {
    peer.destroy();
    return bytes as Buffer;
  }
  throw new Error("The TPM hung up.");
}
