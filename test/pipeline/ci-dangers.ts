/** Whether a script of a CI's file has a way in it by which text from outside becomes code. */

/** Ways by which text becomes code. Each CI puts its expressions into a script before the shell reads it. */
export function dangersOf(script: string): string[] {
  const patterns: Record<string, RegExp> = {
    "an expression in a script": /\$\{\{|\$\((?:params|tasks|results|workspaces|context|steps)[.[]/,
    "a file's text as words": /\$\(\s*(?:cat|head|<)|`/,
    "text run as code": /\b(?:eval|source|xargs)\b|\b(?:ba)?sh -c\b/,
    "a file that the CI obeys": /GITHUB_(?:ENV|OUTPUT|PATH)|FORGEJO_(?:ENV|OUTPUT|PATH)/,
    "an unquoted variable": /(?:^|[\s=])\$\{?[A-Z]/m,
  };
  return Object.keys(patterns).filter((name) => patterns[name]?.test(script) === true);
}

/** All scripts of a file, wherever they are. */
export function scriptsOf(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    /^(?:run|script|before_script|after_script)$/.test(key)
      ? [value].flat().map(String)
      : scriptsOf(value),
  );
}
