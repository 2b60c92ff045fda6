/** Files every simulated image ships; two of its files differ by version so that merges have something to decide. */
export const shippedEtc = (version: string): Record<string, string> => ({
  hostname: "simulated\n",
  "issue.net": `Simulated OS ${version}\n`,
  "mke2fs.conf": "[defaults]\n",
  "xattr.conf": "# how to copy attributes\n",
  "os-default.conf": `default of ${version}\n`,
});

/** The policy for images below /usr/share, which counts where /etc does not have one. */
export const shippedPolicy = '{"default":[{"type":"insecureAcceptAnything"}]}\n';
