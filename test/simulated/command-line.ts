/** Reads a command line as a POSIX shell would, as far as the harness's own quoting goes: words, quotes and one `>`. */

export interface ParsedCommand {
  readonly words: readonly string[];
  /** Where `>` sends the output, or null. */
  readonly outputTo: string | null;
}

/** Splits a command line. Throws a SyntaxError for what only a real shell understands. */
export function parseCommandLine(line: string): ParsedCommand {
  const words: string[] = [];
  let outputTo: string | null = null;
  let redirect = false;
  const token = /\s*(?:(>)|((?:'[^']*'|"[^"$`\\]*"|\\.|[^\s'"\\<>|&;$`()])+))\s*/gsy;
  while (token.lastIndex < line.length) {
    const at = token.lastIndex;
    const match = token.exec(line);
    if (match === null) throw new SyntaxError(`unexpected token near '${line.slice(at, at + 20)}'`);
    if (match[1] === ">") {
      redirect = true;
    } else {
      const word = unquote(match[2] ?? "");
      if (redirect) outputTo = word;
      else words.push(word);
      redirect = false;
    }
  }
  return { words, outputTo };
}

function unquote(token: string): string {
  return token.replaceAll(/'([^']*)'|"([^"]*)"|\\(.)/gs, (_, single, double, escaped) =>
    String(single ?? double ?? escaped),
  );
}
