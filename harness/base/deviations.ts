/**
 * Everything by which a guest of the harness differs from what users boot, in one table: what it is called, how it is said,
 * and whether the built-in policy lets it pass. Who causes a deviation states it by `deviation`; a new one is a new row.
 */

interface Row {
  /**
   * The harness does it to every guest of some kind, whatever the image is, so it says nothing for or against the image: the
   * built-in policy accepts it. What replaces a part of the image, or the boot itself, is not usual.
   */
  readonly usual: boolean;
  /** One sentence about what was really done. */
  readonly text: (...parts: readonly never[]) => string;
}

const table = {
  "ssh-key": {
    usual: true,
    text: (file: string) =>
      `A systemd credential adds the harness's key to ${file}, so that root can log in over SSH.`,
  },
  "root-channel": {
    usual: true,
    text: () =>
      "The machine has a port, and systemd credentials start a root shell on it, over which the harness asks the guest when it is ready and why something failed.",
  },
  "sshd-wanted": {
    usual: true,
    text: () => "sshd was started by a systemd credential: the image does not enable it.",
  },
  // SSH is what users have, so a verdict on stories that went another way is for a policy to allow.
  "channel-stories": {
    usual: false,
    text: () => "The stories spoke to the guest over the root channel and not over SSH.",
  },
  // No user's machine has it. A run that may go that way brings it (`--transport serial`, and `auto`).
  "serial-login": {
    usual: false,
    text: (names: string) =>
      `Systemd credentials (${names}) let root in on the serial console without a password.`,
  },
  // As with the root channel.
  "serial-stories": {
    usual: false,
    text: () => "The stories spoke to the guest over the serial console and not over SSH.",
  },
  "insecure-registry": {
    usual: true,
    text: (folder: string, registries: string) =>
      `A drop-in in ${folder} lets the guest pull without TLS from ${registries}.`,
  },
  credentials: {
    usual: true,
    text: (names: string) =>
      `Credentials are given by SMBIOS (${names}); the image itself is not changed.`,
  },
  // A board does not have SMBIOS strings of ours; a person could type the same at its boot loader.
  "credentials-typed": {
    usual: true,
    text: (names: string) =>
      `Credentials were typed at GRUB, behind the kernel's command line (${names}); the image itself is not changed.`,
  },
  "card-mark": {
    usual: true,
    text: () =>
      "A mark of 512 bytes was laid on the card before its first partition, which the booted system has to show.",
  },
  "network-of-lab": {
    usual: true,
    text: () => "The board is on the network of its lab: nothing closes it.",
  },
  "network-closed": {
    usual: true,
    text: () =>
      "The network is closed: the guest reaches the harness's own services and nothing else.",
  },
  tcg: {
    usual: true,
    text: () => "The processor is emulated (TCG): slower than hardware, and its timing differs.",
  },
  fork: {
    usual: true,
    text: () =>
      "The guest goes on from a template that was booted once: this machine's own boot was not seen.",
  },
  "bios-serial": {
    usual: true,
    text: () => "The BIOS repeats its text screen on the serial console.",
  },
  // A user's machine has it where they enrolled these keys, which is for a policy to allow.
  "secure-boot-keys": {
    usual: false,
    text: () =>
      "The firmware was given keys of its own (PK, KEK, db) and has none of those that machines come with.",
  },
  "unsafe-cache": {
    usual: true,
    text: () =>
      "Flushes of the disk end in the host's memory: a crash of the host, not of the guest, would lose data.",
  },
  "overlay-disk": {
    usual: true,
    text: () => "The guest writes to a throw-away overlay; its disk image is never changed.",
  },
  "disk-built": {
    usual: true,
    text: (installer: string, builder: string, command: string) =>
      `The disk was made of the OCI image by its own installer (${installer}, builder '${builder}'): ${command}`,
  },
  "disk-arguments": {
    usual: true,
    text: (added: string) =>
      `Kernel arguments were added when the disk was installed, so that its console can be followed: ${added}.`,
  },
  // The boot loader of the ISO is not part of the disk: a machine that is started past it takes the same kernel from the ISO.
  installed: {
    usual: true,
    text: (kickstart: string, duration: string, start: string) =>
      `The disk was installed by the ISO's own installer with ${kickstart} in ${duration}; ${start}.`,
  },
  // As with an installer: a user's machine gets the same kernel from the same medium.
  "live-medium": {
    usual: true,
    text: (start: string, asked: string) =>
      `The live medium was booted in a CD drive of a machine without a disk; ${start}, and ${asked}.`,
  },
  // A picture shows that something is drawn, and not that it can be used.
  "screen-only": {
    usual: false,
    text: () =>
      "Nothing could be asked of the live system, so that its session was judged by its screen alone.",
  },
  "installer-registry": {
    usual: true,
    text: (registry: string) =>
      `The installer fetched the image from the harness's registry, ${registry}: a %pre script of its kickstart lets it pull without TLS, and signatures are not asked for.`,
  },
  pvpanic: {
    usual: true,
    text: () =>
      "The machine has a pvpanic device, by which a kernel panic is seen without a console.",
  },
  // A key ends the countdown, so that the default entry starts without GRUB's fallback.
  "menu-enter": {
    usual: true,
    text: () => "Enter was pressed at the boot menu, whose countdown stood still.",
  },
  // A person would type it on a keyboard.
  "passphrase-typed": {
    usual: true,
    text: () => "The passphrase of the encrypted disk was typed on the serial console.",
  },
  // Each disk that follows a vendor's registry is told to follow the run's; without it no such image could be upgraded here.
  "origin-changed": {
    usual: true,
    text: (from: string, to: string) => `The guest's origin was changed from ${from} to ${to}.`,
  },
  // An upgrade that nobody asked for would come in between what a story does, out of the harness's own registry.
  "updates-stopped": {
    usual: true,
    text: (units: string) =>
      `What upgrades the system by itself was stopped for as long as each boot lasts: ${units}.`,
  },
  // One image is enough for a whole gate; the stories then go from the candidate's own content to the candidate.
  "derived-image": {
    usual: true,
    text: (role: string, image: string) =>
      `No image was named for the role '${role}': ${image} has one small layer more than the image it was derived from, and its content is otherwise the same.`,
  },
  // The layer is the story's own means, and says nothing of the candidate, which is booted and served as it is.
  "changed-image": {
    usual: true,
    text: (image: string, change: string) =>
      `The story made an image of ${image} with a layer more ('${change}'), for guests to upgrade to.`,
  },
  // The rule is the story's own means: it holds for the harness's registry alone, and the image's own rules stay as they are.
  "signature-policy": {
    usual: true,
    text: (scope: string) =>
      `A rule was added to the guest's /etc/containers, by which it takes images of ${scope} only as a key of the harness signed them.`,
  },
  "signature-default": {
    usual: true,
    text: () =>
      "The default of the guest's /etc/containers/policy.json was changed to 'reject', as an image needs it whose origin asks for signatures.",
  },
  "stand-in": {
    usual: false,
    text: (program: string, image: string, version: string) =>
      `'${program}' in ${image} is a stand-in${version === "" ? "" : ` (${version})`}, not the real program.`,
  },
  simulated: {
    usual: false,
    text: () => "The guest is simulated; no image was booted.",
  },
} as const satisfies Readonly<Record<string, Row>>;

type Name = keyof typeof table;

/** An id as events carry it and a policy names it. What is replaced is a part of a stand-in's id: `stand-in:bootc`. */
export type DeviationId = Exclude<Name, "stand-in"> | `stand-in:${string}`;

/** Something that differs from a user's boot, stated by the code that causes it. */
export interface Deviation {
  /** Short and stable: a policy names it. */
  readonly id: DeviationId;
  readonly text: string;
}

/** States a deviation of the table, with what its sentence names. */
export function deviation<Id extends Exclude<Name, "stand-in">>(
  id: Id,
  ...parts: Parameters<(typeof table)[Id]["text"]>
): Deviation {
  const { text } = table[id] as { readonly text: (...parts: readonly string[]) => string };
  return { id, text: text(...parts) };
}

/** States that a program of an image is a stand-in. `version` is what the program says of itself, or empty. */
export const standIn = (program: string, image: string, version = ""): Deviation => ({
  id: `stand-in:${program}`,
  text: table["stand-in"].text(program, image, version),
});

/** Every name of the table. */
export const deviationNames = Object.keys(table) as readonly Name[];

/** Ids that the built-in policy accepts. */
export const usualDeviations: readonly string[] = deviationNames.filter(
  (name) => table[name].usual,
);
