/** Lines of kickstarts and preseeds as they may be quoted: without what they keep secret. Pure. */

const words = [
  // pykickstart, commands/{rootpw,user,sshpw,autopart,partition,rhsm,bootloader}.py.
  /((?:^|\s)--(?:password|passphrase|activation-key|escrowcert|backuppassphrase)[= ]\s*)\S+/g,
  /(^\s*(?:rootpw|sshpw|user)\s+(?:--(?:plaintext|iscrypted|lock|allow-ssh)\s+)*)(?!--)\S+/,
  // Debian's passwd/root-password, passwd/user-password-crypted, partman-crypto/passphrase.
  /(^\s*\S+\s+\S*(?:password|passphrase)\S*\s+(?:password|string)\s+)\S.*/,
];

/** The line with each secret in it replaced by `…`. */
export const maskKickstart = (line: string): string =>
  words.reduce((text, pattern) => text.replace(pattern, "$1…"), line);
