/**
 * How the harness gets in without touching the image: systemd credentials that tmpfiles reads at boot
 * (systemd.system-credentials(7), `tmpfiles.extra`). `ssh.authorized_keys.root` would be simpler, but it does not work
 * where /root is a link to /var/roothome that does not exist yet. Pure; a driver delivers the values.
 */
import { type Deviation, deviation } from "../base/deviations.ts";

export interface CredentialOptions {
  /** authorized_keys(5) line. */
  readonly publicKey: string;
  /** `host:port` of registries that the guest may talk to without TLS. */
  readonly insecureRegistries: readonly string[];
}

export interface GuestCredentials {
  /** Credential name → plain value; the driver encodes it. */
  readonly credentials: Readonly<Record<string, string>>;
  /** How the boot differs from a user's because of them. */
  readonly deviations: readonly Deviation[];
}

const home = "/var/roothome";
const dropInFolder = "/etc/containers/registries.conf.d";
const hostPort = /^[A-Za-z0-9.-]+(?::\d{1,5})?$/;

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Builds the credentials and says what they change. Throws a RangeError for a registry that is not `host:port`. */
export function guestCredentials(options: CredentialOptions): GuestCredentials {
  const { publicKey, insecureRegistries } = options;
  // tmpfiles.d(5): `~` decodes the argument from base64, so no value can end the line.
  const lines = [
    `d ${home} 0700 root root -`,
    `d ${home}/.ssh 0700 root root -`,
    `f~ ${home}/.ssh/authorized_keys 0600 root root - ${base64(`${publicKey.trim()}\n`)}`,
  ];
  const deviations: Deviation[] = [deviation("ssh-key", `${home}/.ssh/authorized_keys`)];
  if (insecureRegistries.length > 0) {
    lines.push(
      `d ${dropInFolder} 0755 root root -`,
      `f~ ${dropInFolder}/90-bootgate.conf 0644 root root - ${base64(registriesDropIn(insecureRegistries))}`,
    );
    deviations.push(deviation("insecure-registry", dropInFolder, insecureRegistries.join(", ")));
  }
  return { credentials: { "tmpfiles.extra": `${lines.join("\n")}\n` }, deviations };
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
