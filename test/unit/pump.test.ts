/** Moving bytes: who stops it is told why, and a stream that fails is told as it failed. */
import { PassThrough, Readable, Writable } from "node:stream";
import { expect, test } from "vitest";
import { pump } from "../../harness/base/pump.ts";

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
const never = new AbortController().signal;

test("stopped before or in the middle, it fails with the reason of the stop", async () => {
  const reason = new Error("Enough.");
  await expect(pump(Readable.from(["a"]), nowhere(), AbortSignal.abort(reason))).rejects.toBe(
    reason,
  );
  const stop = new AbortController();
  const endless = new PassThrough();
  const moving = pump(endless, nowhere(), stop.signal);
  endless.write("a");
  stop.abort(reason);
  await expect(moving).rejects.toBe(reason);
});

test("a stream that fails is told as it failed", async () => {
  const broken = new Readable({ read: () => undefined });
  broken.destroy(new Error("The medium is gone."));
  await expect(pump(broken, nowhere(), never)).rejects.toThrow("The medium is gone.");
});
