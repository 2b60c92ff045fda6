/**
 * What the boot loader of an ISO would start: kernel, initrd and arguments, from the configuration of GRUB or isolinux.
 * Only the few words are read that installers use; GRUB's language is not interpreted. Pure.
 */

export interface BootEntry {
  /** Of GRUB's menu; null where the boot loader is another. */
  readonly title: string | null;
  readonly kernel: string;
  readonly initrd: string;
  readonly arguments: readonly string[];
}

/** Where installers keep the configuration of their boot loaders, GRUB's first. */
export const bootConfigurations = [
  "/EFI/BOOT/grub.cfg",
  "/boot/grub2/grub.cfg",
  "/boot/grub/grub.cfg",
  "/isolinux/isolinux.cfg",
  "/isolinux/txt.cfg",
  "/isolinux/grub.conf",
] as const;

const maxLines = 5000;

/** The entries in their order. A path behind a GRUB device, `($root)/vmlinuz`, is taken from the volume's root. */
export function parseBootEntries(text: string): BootEntry[] {
  const entries: BootEntry[] = [];
  let kernel: readonly string[] | null = null;
  let title: string | null = null;
  for (const line of text.split("\n", maxLines)) {
    title = menuTitle.exec(line.slice(0, 4096))?.slice(1).find(Boolean) ?? title;
    const [word = "", ...rest] = line
      .trim()
      .slice(0, 4096)
      .split(/[ \t]+/)
      .map(unquote);
    const verb = word.toLowerCase();
    if (/^linux(?:16|efi)?$|^kernel$/.test(verb)) kernel = rest;
    else if (/^initrd(?:16|efi)?$/.test(verb) && kernel !== null) {
      entries.push(...entry(title, kernel, rest[0]));
      kernel = null;
    } else if (verb === "append" && kernel !== null) {
      const initrd = rest.find((one) => one.startsWith("initrd="))?.slice("initrd=".length);
      const others = rest.filter((one) => !one.startsWith("initrd="));
      entries.push(...entry(null, [...kernel, ...others], initrd?.split(",")[0]));
      kernel = null;
    }
  }
  return entries;
}

/** The kernels that a configuration names, whether it names an initrd for them or not. */
export const kernelsNamed = (text: string): string[] =>
  text
    .split("\n", maxLines)
    .flatMap(
      (line) =>
        /^[ \t]*(?:linux(?:16|efi)?|kernel)[ \t]+(\S+)/i.exec(line.slice(0, 4096))?.[1] ?? [],
    )
    .map((word) => onVolume(unquote(word)));

const menuTitle = /^[ \t]*menuentry[ \t]+(?:"([^"]{1,200})"|'([^']{1,200})'|([^ \t"']{1,200}))/;

function entry(
  title: string | null,
  [kernel, ...words]: readonly string[],
  initrd: string | undefined,
): BootEntry[] {
  if (kernel === undefined || initrd === undefined || initrd === "") return [];
  return [{ title, kernel: onVolume(kernel), initrd: onVolume(initrd), arguments: words }];
}

const onVolume = (path: string): string => {
  const plain = path.replace(/^\([^)]*\)/, "");
  return plain.startsWith("/") ? plain : `/${plain}`;
};

const unquote = (word: string): string => word.replace(/^(["'])(.*)\1$/, "$2");
