/** How a local change in /etc comes into the next deployment. */

interface HasEtc {
  readonly image: { readonly etc: Readonly<Record<string, string>> };
  /** Name below /etc → content. */
  readonly etc: Map<string, string>;
}

/** ostree's three-way merge (ostree-admin-deploy(1)): what was changed locally wins over the new default. */
export function mergeEtc(old: HasEtc, next: HasEtc): void {
  for (const [name, content] of old.etc) {
    if (content !== old.image.etc[name]) next.etc.set(name, content);
  }
  for (const name of Object.keys(old.image.etc)) {
    if (!old.etc.has(name)) next.etc.delete(name);
  }
}
