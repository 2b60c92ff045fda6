/**
 * How the harness gets in without touching the image: systemd credentials (systemd.system-credentials(7)). tmpfiles
 * (`tmpfiles.extra`, systemd 252 and later) puts the key in place; systemd 256 and later also take a unit for the root
 * channel and a wish for sshd. `ssh.authorized_keys.root` would be simpler, but it does not work where /root is a link to
 * /var/roothome that does not exist yet, and it leaves out a root that has keys of its own. Pure; a driver delivers the values.
 */
import { type Deviation, deviation } from "../base/deviations.ts";
import {
  channelCredential,
  channelUnit,
  channelUnitText,
  dropInCredential,
  dropInText,
} from "./channel/unit.ts";

export interface CredentialOptions {
  /** authorized_keys(5) line. */
  readonly publicKey: string;
  /** `host:port` of registries that the guest may talk to without TLS. */
  readonly insecureRegistries: readonly string[];
  /** False leaves the root channel out. Default true. */
  readonly channel?: boolean;
  /** True lets root in on the serial console. Default false. */
  readonly serial?: boolean;
}

export interface GuestCredentials {
  /** Credential name → plain value; the driver encodes it. */
  readonly credentials: Readonly<Record<string, string>>;
  /** How the boot differs from a user's because of them. */
  readonly deviations: readonly Deviation[];
}

/**
 * What logs root in on a console without a password: agetty(8) and login(1) of util-linux 2.40 and later read these, which the
 * unit serial-getty@.service hands on (systemd.exec(5), ImportCredential=, systemd 254).
 */
const serialLogin = { "agetty.autologin": "root", "login.noauth": "yes" } as const;
const keysFile = "/root/.ssh/authorized_keys";
const dropInFolder = "/etc/containers/registries.conf.d";
const hostPort = /^[A-Za-z0-9.-]+(?::\d{1,5})?$/;
/** Debian's name of the unit, and everybody else's. */
const sshUnits = ["ssh.service", "sshd.service"];

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Builds the credentials and says what they change. Throws a RangeError for a registry that is not `host:port`. */
export function guestCredentials(options: CredentialOptions): GuestCredentials {
  const { publicKey, insecureRegistries, channel = true, serial = false } = options;
  const lines = keyLines(publicKey);
  const deviations: Deviation[] = [deviation("ssh-key", keysFile)];
  if (insecureRegistries.length > 0) {
    lines.push(
      `d ${dropInFolder} 0755 root root -`,
      `f~ ${dropInFolder}/90-bootgate.conf 0644 root root - ${base64(registriesDropIn(insecureRegistries))}`,
    );
    deviations.push(deviation("insecure-registry", dropInFolder, insecureRegistries.join(", ")));
  }
  if (channel) deviations.push(deviation("root-channel"));
  if (serial) deviations.push(deviation("serial-login", Object.keys(serialLogin).join(", ")));
  const wanted = [...(channel ? [channelUnit] : []), ...sshUnits];
  return {
    credentials: {
      "tmpfiles.extra": `${lines.join("\n")}\n`,
      [dropInCredential]: dropInText(wanted),
      ...(channel ? { [channelCredential]: channelUnitText } : {}),
      ...(serial ? serialLogin : {}),
    },
    deviations,
  };
}

/**
 * tmpfiles.d(5) lines that add a key to what root has. They name /root, which is a directory or a link to /var/roothome;
 * an image with such a link has a line of its own for the directory, and lines of credentials come after those of files.
 * `w+` appends, so that keys of the image stay; a line is added at each boot. `~` decodes the argument from base64, so no value can end
 * the line. The newline in front ends a last line that has none.
 */
function keyLines(publicKey: string): string[] {
  return [
    "d /root/.ssh 0700 root root -",
    `f ${keysFile} 0600 root root -`,
    `w+~ ${keysFile} - - - - ${base64(`\n${publicKey.trim()}\n`)}`,
  ];
}

/** containers-registries.conf.d(5). */
function registriesDropIn(registries: readonly string[]): string {
  return registries
    .map((registry) => {
      if (!hostPort.test(registry))
        throw new RangeError(`Expected a registry as host:port, got "${registry.slice(0, 100)}".`);
      return `[[registry]]\nlocation = "${registry}"\ninsecure = true\n`;
    })
    .join("\n");
}
