/** The registry of one scenario in a simulated world; the shape of the real fixture's. */
export interface SimulatedShelf extends AsyncDisposable {
  readonly guestAddress: string;
  readonly guestPort: number;
  readonly hostPort: number;
  readonly died: Promise<never>;
  /** Makes `name` (`os:stable`) stand for the image; returns the reference guests use. */
  publish(name: string, image: { readonly digest: string }): Promise<string>;
  publishSmall(name: string, text: string): Promise<string>;
}
