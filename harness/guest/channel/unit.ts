/**
 * The guest's end of the root channel: a unit that systemd 256 and later take from credentials
 * (systemd.system-credentials(7): `systemd.extra-unit.*`, `systemd.unit-dropin.*`). An older systemd does not know them,
 * and then there is no channel. The image itself is untouched.
 */
import { channelPortName } from "../../machine/machine.ts";

const port = `/dev/virtio-ports/${channelPortName}`;

export const channelUnit = "bootgate-channel.service";
/** Name of the credential that carries the unit: where it is given, the machine needs the port. */
export const channelCredential = `systemd.extra-unit.${channelUnit}`;
/** multi-user.target is pulled in by graphical.target too (bootup(7)), so this serves desktops. */
export const dropInCredential = "systemd.unit-dropin.multi-user.target";

/**
 * A shell that reads its commands from the port; another one begins when one has ended, and what it left behind is
 * killed before (systemd.kill(5), control-group). A unit that meets no port waits for it: one that restarts without end would look like a fault of the image.
 */
export const channelUnitText = `[Unit]
Description=Root channel of bootgate
IgnoreOnIsolate=yes
StartLimitIntervalSec=0

[Service]
Environment=HOME=/root USER=root LOGNAME=root SHELL=/bin/sh LC_ALL=C.UTF-8
WorkingDirectory=-/root
ExecStart=/bin/sh -c 'until test -c ${port}; do sleep 1; done; exec <>${port} >&0 2>/dev/null; exec /bin/sh'
Restart=always
RestartSec=100ms
TimeoutStopSec=5
OOMPolicy=continue
`;

/** Wants of multi-user.target. A name that no unit has is ignored (systemd.unit(5), Wants=). */
export const dropInText = (units: readonly string[]): string =>
  `[Unit]\nWants=${units.join(" ")}\n`;
