// Holds the unit tier to its promise: no process and no socket. A test that starts one gets an error that says where it belongs.
import child from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

const refuse = (): never => {
  throw new Error("The unit tier starts no process and opens no socket: this is a contract test.");
};

Object.assign(child.ChildProcess.prototype, { spawn: refuse });
Object.assign(child, { spawnSync: refuse, execSync: refuse, execFileSync: refuse });
Object.assign(net.Socket.prototype, { connect: refuse });
Object.assign(net.Server.prototype, { listen: refuse });
syncBuiltinESMExports();
