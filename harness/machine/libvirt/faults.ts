/**
 * What libvirt's words mean for a person: one table from what virsh says to an error with what to do. None of it is the
 * image's fault. The words are those of virsh 9.0.0, said in English by LC_ALL=C. Pure.
 */
import { HostUnfit, MachineFault, UsageError } from "../../base/errors.ts";

interface Row {
  readonly words: RegExp;
  readonly fault: (uri: string) => {
    readonly make: typeof HostUnfit | typeof UsageError;
    readonly headline: string;
    readonly toDo: string;
  };
}

const rows: readonly Row[] = [
  {
    words:
      /no connection driver available for|unexpected qemu URI path|unable to parse URI|does not include a driver name|unknown transport|invalid connection pointer/i,
    fault: (uri) => ({
      make: UsageError,
      headline: `libvirt cannot make anything of the URI '${uri}'.`,
      toDo: "name qemu:///session, qemu:///system or qemu+ssh://HOST/system",
    }),
  },
  {
    words:
      /Failed to connect to '127\.0\.0\.1|process exited while connecting to monitor|unexpectedly closed the monitor/i,
    fault: (uri) => ({
      make: HostUnfit,
      headline: `A domain of libvirt at '${uri}' does not reach what bootgate serves on this host's loopback.`,
      toDo: "let libvirt run in the network namespace of bootgate, and look for denials (ausearch -m avc, or journalctl -k)",
    }),
  },
  {
    words: /ssh: |Host key verification failed|Permission denied \(publickey/i,
    fault: (uri) => ({
      make: HostUnfit,
      headline: `The host of libvirt at '${uri}' cannot be reached over SSH.`,
      toDo: "log in there once by ssh, with a key and without a question",
    }),
  },
  {
    words:
      /Permission denied|authentication (?:unavailable|failed|cancelled)|access denied|Unable to get system bus connection|no polkit agent/i,
    fault: (uri) => ({
      make: HostUnfit,
      headline: `This user may not use libvirt at '${uri}'.`,
      toDo: "join the group libvirt, or name qemu:///session, which needs no rights",
    }),
  },
  {
    words:
      /Failed to connect socket|Connection refused|Cannot recv data|End of file while reading data|client socket is closed|Connection reset by peer|Cannot find '.*virtqemud|Cannot find '.*libvirtd/i,
    fault: (uri) => ({
      make: HostUnfit,
      headline: `libvirt at '${uri}' does not answer: its daemon does not run.`,
      toDo: "systemctl start virtqemud.socket or libvirtd.socket; without systemd: libvirtd -d and virtlogd -d",
    }),
  },
  {
    words: /No space left on device/i,
    fault: (uri) => ({
      make: HostUnfit,
      headline: `The disk of the host of libvirt at '${uri}' is full.`,
      toDo: "make room where libvirt keeps its domains (/var/lib/libvirt, or ~/.config/libvirt for a session)",
    }),
  },
  {
    words: /Unable to find .*firmware|firmware.*not (?:found|supported)/i,
    fault: (uri) => ({
      make: HostUnfit,
      headline: `libvirt at '${uri}' has no such firmware.`,
      toDo: "apt install ovmf, or dnf install edk2-ovmf, on the host of libvirt",
    }),
  },
  {
    words:
      /Cannot (?:check QEMU binary|allocate memory)|Unable to find a (?:satisfying|suitable) emulator|could not find capabilities|no emulator found|invalid argument: .*emulator/i,
    fault: (uri) => ({
      make: HostUnfit,
      headline: `libvirt at '${uri}' cannot run such a machine.`,
      toDo: "apt install qemu-system-x86, or dnf install qemu-kvm, on the host of libvirt",
    }),
  },
];

/** The last lines of what virsh says, without its prefix. */
const clean = (said: string): string =>
  said
    .split("\n")
    .map((line) => line.replace(/^error: /, "").trim())
    .filter((line) => line !== "")
    .join("\n")
    .slice(-2000);

/** The error for a command of virsh that failed. */
export function libvirtFault({
  uri,
  command,
  said,
}: {
  readonly uri: string;
  /** Of virsh: `define`. */
  readonly command: string;
  readonly said: string;
}): HostUnfit | MachineFault | UsageError {
  const details = { said: clean(said) || "nothing", command: `virsh ${command}` };
  const row = rows.find(({ words }) => words.test(said));
  if (row === undefined)
    return new MachineFault(`libvirt at '${uri}' refused '${command}'.`, { details });
  const { make, headline, toDo } = row.fault(uri);
  return new make(headline, {
    details: { ...details, "to do": toDo },
    lookAt: "npm run -s bootgate -- doctor",
  });
}
