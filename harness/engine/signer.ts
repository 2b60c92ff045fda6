/** Who signs images that the harness serves, as a story sees it. */

/** A key pair of the harness's own and what is signed by it. The private key goes with the registry. */
export interface Signer {
  /** What a guest checks by: PEM for sigstore, an armoured key of OpenPGP for simple signing. */
  readonly publicKey: string;
  /** Below which URL guests find what simple signing makes (containers-registries.d(5)); null for sigstore, whose signatures lie in the registry. */
  readonly lookaside: string | null;
  /**
   * Signs what the name (`os:stable`) stands for now, in place of any signature of this kind that it had. With `of` the signature is of
   * what that name stands for, and lies where the one of `name` is looked for.
   */
  sign(name: string, of?: string): Promise<void>;
  /** Takes away what this kind of signer signed of what the name stands for now. */
  unsign(name: string): Promise<void>;
}
