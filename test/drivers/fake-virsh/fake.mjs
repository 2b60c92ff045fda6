// What the fake virshes share: just enough of virsh 9.0.0 to define a domain, start it and tell of it. What it knows lies in
// the folder FAKE_VIRSH_STATE: domain.xml, the pid of the virsh that holds the domain, and all events so far.
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { hostname } from "node:os";

const at = (name) => join(process.env.FAKE_VIRSH_STATE, name);
const read = (name) => (existsSync(at(name)) ? readFileSync(at(name), "utf8") : "");
const words = process.argv.slice(2).filter((word) => word !== "--quiet");
const [command = "", ...rest] = words.slice(2);
const xml = read("domain.xml");
const name = /<name>([^<]*)</.exec(xml)?.[1] ?? "";
const tell = (text) => appendFileSync(at("events"), `event 'lifecycle' for domain '${name}': ${text}\n`);
const out = (text) => process.stdout.write(`${text}\n`);

export function fail(...lines) {
  for (const line of lines) process.stderr.write(`error: ${line}\n`);
  process.exit(1);
}

/** A PNG of one dot. */
const picture = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** Prints the lifecycle as it comes, from now on. */
function listen() {
  let seen = read("events").length;
  setInterval(() => {
    const text = read("events");
    process.stdout.write(text.slice(seen));
    seen = text.length;
    if (existsSync(at("lost"))) fail("Disconnected from qemu:///session due to end of file");
  }, 20);
}

/** Is the domain: it runs from `resume` on, and speaks on its serial port. */
function hold(says) {
  const port = Number(/<serial type="tcp">\s*<source[^>]*service="(\d+)"/.exec(xml)?.[1]);
  const serial = connect(port, "127.0.0.1");
  serial.on("error", () => process.exit(1));
  serial.once("connect", () => {
    writeFileSync(at("holder"), String(process.pid));
    out(`Domain '${name}' started\n`);
    tell("Started Booted");
    const timer = setInterval(() => {
      if (!existsSync(at("resumed"))) return;
      clearInterval(timer);
      rmSync(at("resumed"));
      out(`event RESUME at 1795717650.181670 for domain '${name}': <null>`);
      says({ serial, out, name, tell });
      setInterval(() => {
        if (!existsSync(at("reset"))) return;
        rmSync(at("reset"));
        says({ serial, out, name, tell });
      }, 20);
    }, 20);
  });
}

export function boots({ serial }) {
  serial.write("[    0.000000] Linux version 6.12.0 (fake@host) #1 SMP\r\n[    0.100000] Command line: x\r\n");
}

/** Whoever is on the line is told that the daemon has gone. */
export const daemonGoes = () => writeFileSync(at("lost"), "");

/** Answers like virsh; `other` maps a command to what it does instead. */
export function virsh(other = {}, says = boots) {
  appendFileSync(at("calls"), `${command.split(" ")[0]}\n`);
  const verb = command.split(" ")[0];
  if (other[verb] !== undefined) return other[verb]({ out, tell, name });
  const isOn = existsSync(at("holder"));
  switch (verb) {
    case "version":
      return out("Using library: libvirt 9.0.0\nRunning hypervisor: QEMU 9.9.9");
    case "hostname":
      return out(hostname());
    case "domcapabilities":
      return out("<domainCapabilities><enum name='firmware'><value>efi</value></enum></domainCapabilities>");
    case "list":
      return out(name);
    case "metadata":
      return out(/<bootgate:run[^>]*>/.exec(xml)?.[0] ?? "");
    case "event":
      return listen();
    case "define": {
      const text = readFileSync(rest[1], "utf8");
      writeFileSync(at("domain.xml"), text);
      const defined = /<name>([^<]*)</.exec(text)?.[1];
      return appendFileSync(at("events"), `event 'lifecycle' for domain '${defined}': Defined Added\n`);
    }
    case "start":
      return hold(says);
    case "resume":
      return writeFileSync(at("resumed"), "");
    case "reset":
      return writeFileSync(at("reset"), "");
    case "screenshot":
      return writeFileSync(rest[1] ?? "", picture);
    case "destroy":
      if (!isOn) fail(`Failed to destroy domain '${name}'`, "Requested operation is not valid: domain is not running");
      try {
        process.kill(Number(read("holder")));
      } catch {}
      rmSync(at("holder"), { force: true });
      return tell("Stopped Destroyed");
    case "undefine":
      if (name === "") fail("failed to get domain");
      rmSync(at("domain.xml"), { force: true });
      return undefined;
    default:
      return undefined;
  }
}
