/**
 * How long the import of an image may take by its size. Real bootc took in 0.3 to 0.7 MiB of packed layers a second under an
 * emulator of eight times a host's slowness; the limit is for one that never ends, since what stands still is ended by a watchdog.
 */
const mebibyte = 1024 ** 2;
/** A second for a packed MiB, on a host with hardware acceleration: less than half of the slowest that was measured. */
const msPerPackedMiB = 1000;

/** Milliseconds for so many packed bytes, to be scaled by the host's slowness. */
export const importMs = (packedBytes: number): number =>
  Math.ceil(packedBytes / mebibyte) * msPerPackedMiB;

/** Bytes of an image's layers as they are kept. */
export const packedBytesOf = ({
  layers,
}: {
  readonly layers: readonly { readonly size: number }[];
}): number => layers.reduce((sum, { size }) => sum + size, 0);
