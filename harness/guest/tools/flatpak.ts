/** Flatpaks that a system has for all its users. */
import { commands } from "../commands.ts";
import type { GuestIo } from "../guest-io.ts";
import { requireSuccess } from "../guest-io.ts";

export interface FlatpakReader {
  /** `REF COMMIT` of each that is installed system-wide, sorted; null where the image does not have flatpak. */
  installed(): Promise<readonly string[] | null>;
}

/** flatpak(1) in a guest. */
export const flatpakOf = (io: GuestIo): FlatpakReader => ({
  async installed() {
    const result = await io.exec(commands.flatpaks);
    if (result.exitCode === 127) return null;
    return parseFlatpaks(requireSuccess(io, result).stdout);
  },
});

/** `flatpak list --columns=ref,active`, which parts columns by a tab where nobody looks at a terminal (flatpak-list(1)). Pure. */
export const parseFlatpaks = (text: string): readonly string[] =>
  text
    .split("\n")
    .flatMap((line) => {
      const [ref = "", active = ""] = line.trim().split(/\s+/);
      return ref.split("/").length >= 3 ? [`${ref} ${active}`] : [];
    })
    .sort();
