/** The image that an installer fetches from the harness's registry: whatever the registry does is never the image's fault. */
import type { GuestForward } from "../../machine/machine.ts";

/** Disposing ends the registry. */
export interface ServedPayload extends AsyncDisposable {
  /** By which the installer's machine reaches the registry. */
  readonly forward: GuestForward;
  /** Rejects with MachineFault when the registry dies; never resolves. */
  readonly died: Promise<never>;
}

/** The registry as the installer calls it: `10.0.2.100:5000`. */
export const registryOf = ({ forward }: Pick<ServedPayload, "forward">): string =>
  `${forward.guestAddress}:${forward.guestPort}`;

/** A signal that also ends when the registry dies, with the registry's own error. */
export function whileServed(payload: ServedPayload | null, signal: AbortSignal): AbortSignal {
  if (payload === null) return signal;
  const gone = new AbortController();
  payload.died.catch((error: unknown) => gone.abort(error));
  return AbortSignal.any([signal, gone.signal]);
}
