/** Lines of `systemctl show` for one unit (systemctl(1)): property → value. */
export const parseProperties = (block: string): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(
    block.split("\n").map((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
