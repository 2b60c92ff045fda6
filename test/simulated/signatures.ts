/** Signatures of simulated images: texts that say what was signed and by whom, attached in a registry or served as files. */
import type { FileServer, Signer } from "../../harness/engine/scenario.ts";
import { guestAddress, guestPort } from "./shelf.ts";

/** What a signature says. */
export interface Statement {
  readonly digest: string;
  readonly identity: string;
  readonly key: string;
}

interface SignerOptions {
  readonly hostPort: number;
  /** What the registry's names stand for. */
  readonly tags: ReadonlyMap<string, string>;
  readonly lookaside: FileServer | undefined;
}

/** Those of a world. */
export class SimulatedSignatures {
  /** By the registry's host port and the digest of the image. */
  readonly #attached = new Map<string, string>();
  #keys = 0;

  signer({ hostPort, tags, lookaside }: SignerOptions): Signer {
    const key = `simulated key ${++this.#keys}\n`;
    const pathOf = (name: string): string =>
      `/sigstore/${name.replace(/:.*/, "")}@${tags.get(name)?.replace(":", "=")}/signature-1`;
    return {
      publicKey: key,
      lookaside: lookaside?.serve("/sigstore/readme", "").replace(/\/readme$/, "") ?? null,
      sign: async (name, of = name) => {
        const identity = `${guestAddress}:${guestPort}/${name}`;
        const text = JSON.stringify({ digest: tags.get(of) ?? "", identity, key });
        if (lookaside === undefined) this.#attached.set(`${hostPort} ${tags.get(name)}`, text);
        else lookaside.serve(pathOf(name), text);
      },
      unsign: async (name) => {
        if (lookaside === undefined) this.#attached.delete(`${hostPort} ${tags.get(name)}`);
        else lookaside.remove(pathOf(name));
      },
    };
  }

  attached(hostPort: number | undefined, digest: string): string | null {
    return this.#attached.get(`${hostPort} ${digest}`) ?? null;
  }
}
