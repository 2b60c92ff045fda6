// The first step of `npm run demo` and `npm test` on a fresh clone: nothing but Node is there yet, so this file is
// plain JavaScript without packages. It installs the pinned packages when the lockfile has changed, then hands over.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`bootgate needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(2);
}

const lock = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const stamp = join(root, "node_modules", ".bootgate-lock");
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  console.log("Installing the pinned Node packages (npm ci) …");
  const install = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: "inherit",
  });
  if (install.status !== 0) {
    console.error("The Node packages could not be installed; see npm's words above.");
    process.exit(2);
  }
  writeFileSync(stamp, lock);
}

const tsx = join(root, "node_modules", "tsx", "dist", "cli.mjs");
const [verb = "", ...rest] = process.argv.slice(2);
const program = verb === "test" ? ["test/run-all.ts", ...rest] : ["harness/setup/demo.ts", ...rest];
const child = spawnSync(process.execPath, [tsx, ...program], { cwd: root, stdio: "inherit" });
process.exit(child.status ?? 3);
