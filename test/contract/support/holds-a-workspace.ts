/** Makes a workspace, says its folders as JSON and then waits to be killed. */
import { createWorkspace } from "../../../harness/base/workspace.ts";

const { path, sockets } = await createWorkspace("held");
process.stdout.write(`${JSON.stringify([path, sockets])}\n`);
setInterval(() => undefined, 60_000);
