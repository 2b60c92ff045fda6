/** What happens to bytes on a serial line, by a seed, so that a failure can be played again. */
import type { Spoil } from "./pty-console.ts";

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const words = [
  "\r\n[   42.123456] usb 1-1: new high-speed USB device number 2 using xhci_hcd\r\n",
  "[   43.000001] EXT4-fs (vda3): re-mounted. Quota mode: none.\r\n",
  "[  OK  ] Started Some Service.\r\n",
  "[\x1b[0;32m  OK  \x1b[0m] Reached target Somewhere.\r\n",
  "wall: without any end of a line ",
  "[   44.5] audit: type=1400 audit(1.2:3): bg0000000000 l 1 1 4294967295 AAAA 1\n",
];

/** The kernel's and others' words fall in between, one in so many bytes. */
export const talking =
  (random: () => number, everyBytes: number): Spoil =>
  (bytes) =>
    Buffer.concat(
      [...bytes].map((byte) => {
        if (random() * everyBytes >= 1) return Buffer.of(byte);
        const word = words[Math.floor(random() * words.length)] ?? "";
        return Buffer.concat([Buffer.from(word), Buffer.of(byte)]);
      }),
    );

/** One in so many bytes is lost. */
export const losing =
  (random: () => number, everyBytes: number): Spoil =>
  (bytes) =>
    Buffer.from([...bytes].filter(() => random() * everyBytes >= 1));

/** The two ends do not have the same speed. */
export const garbling =
  (random: () => number): Spoil =>
  (bytes) =>
    Buffer.from([...bytes].map(() => Math.floor(random() * 256)));
