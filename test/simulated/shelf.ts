import type { FileServer, Signer } from "../../harness/engine/scenario.ts";

/** Where simulated guests find a registry. */
export const guestAddress = "10.0.2.100";
export const guestPort = 5000;

/** The registry of one scenario in a simulated world; the shape of the real fixture's. */
export interface SimulatedShelf extends AsyncDisposable {
  readonly guestAddress: string;
  readonly guestPort: number;
  readonly hostPort: number;
  readonly died: Promise<never>;
  /** Makes `name` (`os:stable`) stand for the image; returns the reference guests use. */
  publish(name: string, image: { readonly digest: string }): Promise<string>;
  publishSmall(name: string, text: string): Promise<string>;
  signer(lookaside?: FileServer): Promise<Signer>;
}
