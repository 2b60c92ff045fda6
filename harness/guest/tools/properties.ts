/** What systemd tells of units and sessions: properties with their values. */

/** Blocks of `systemctl show` or `loginctl show-session`: `Key=value` lines, parted by empty lines. */
export const parseBlocks = (text: string): Readonly<Record<string, string>>[] =>
  text
    .split(/\n[ \t]*\n/)
    .map((block) =>
      Object.fromEntries(
        block.split("\n").flatMap((line) => {
          const at = line.indexOf("=");
          return at <= 0 ? [] : [[line.slice(0, at).trim(), line.slice(at + 1).trim()]];
        }),
      ),
    )
    .filter((block) => Object.keys(block).length > 0);
