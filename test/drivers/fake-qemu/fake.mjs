// What the fake emulators share: the argument reader and just enough of QMP (qmp-spec) to be a peer on the monitor.
import { appendFileSync } from "node:fs";
import { connect } from "node:net";

if (process.argv.includes("--version")) {
  console.log("QEMU emulator version 9.9.9 (fake)");
  process.exit(0);
}

const valueOf = (option, part) => {
  for (let index = 2; index < process.argv.length; index++) {
    const value = process.argv[index + 1] ?? "";
    if (process.argv[index] === option && value.includes(part)) return value;
  }
  return "";
};
const field = (text, name) => new RegExp(`${name}=([^,]*)`).exec(text)?.[1] ?? "";

export const sshPort = Number(/hostfwd=tcp:127\.0\.0\.1:(\d+)-/.exec(valueOf("-netdev", "hostfwd"))?.[1]);
export const say = (text) => appendFileSync(field(valueOf("-chardev", "id=console"), "path"), text);

/** Connects to the monitor; `answer(command, args)` returns the result, or undefined to say nothing. */
export function monitor(answer) {
  const socket = connect(field(valueOf("-chardev", "id=monitor"), "path"));
  const send = (message) => socket.write(`${JSON.stringify(message)}\n`);
  socket.setEncoding("utf8");
  socket.on("error", () => process.exit(1));
  socket.on("data", (text) => {
    for (const line of text.split("\n").filter((part) => part !== "")) {
      const { execute, arguments: args, id } = JSON.parse(line);
      const result = execute === "qmp_capabilities" ? {} : answer(execute, args, event);
      if (result !== undefined) send({ return: result, id });
    }
  });
  const event = (name, data = {}) => send({ event: name, data, timestamp: { seconds: 1, microseconds: 0 } });
  send({ QMP: { version: {}, capabilities: [] } });
  return { socket, event };
}
