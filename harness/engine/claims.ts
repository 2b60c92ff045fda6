/**
 * What guests of bare disks say that they are. A disk does not tell which image was installed on it, so the first guest
 * of a run that boots it is asked, its word is pinned for the whole run, and every report says that it is only its word.
 */
import type { Image } from "../../images/image.ts";
import { CommandFailed, ExpectationFailed } from "../base/errors.ts";
import type { Guest } from "../guest/guest.ts";
import { type Claims, identityOf } from "../guest/tools/deployments.ts";
import type { JobEvent } from "../log/events.ts";

/** A digest has 71 characters; what is much longer is not one. */
const maxClaim = 200;

/** One for each run, shared by its jobs. */
export class RunClaims implements Claims {
  readonly #pinned = new Map<string, string>();
  readonly #told = new WeakMap<(event: JobEvent) => void, Set<string>>();

  of(image: Image): string | null {
    return this.#pinned.get(image.digest) ?? null;
  }

  /**
   * Asks a guest that has just booted from its disk, the first time in this run, and logs what counts from then on. A
   * guest that cannot say it (no bootc, no deployment) pins nothing: what is expected of it later says so.
   */
  async hear(guest: Guest, log: (event: JobEvent) => void): Promise<void> {
    const { image, name } = guest;
    this.#tellNotes(image, log);
    if (image.manifest !== null) return;
    const said = this.of(image) ?? (await ask(guest));
    if (said === null) return;
    // Two guests may have been asked at once; the first answer counts for both.
    if (this.of(image) === null) this.#pinned.set(image.digest, said);
    log({ type: "claim", guest: name, image: image.name, says: this.of(image) ?? said });
  }

  /** What was odd about the disk, once in each log of a job. */
  #tellNotes(image: Image, log: (event: JobEvent) => void): void {
    const told = this.#told.get(log) ?? new Set();
    this.#told.set(log, told);
    for (const note of image.notes ?? []) {
      const text = `${image.name}: ${note}`;
      if (!told.has(text)) log({ type: "note", text });
      told.add(text);
    }
  }
}

async function ask(guest: Guest): Promise<string | null> {
  try {
    const { booted } = (await guest.bootc.status()).status;
    const said = identityOf(booted);
    return said === null || said.length > maxClaim ? null : said;
  } catch (error) {
    // Not what was asked for: a story that needs bootc fails by its own step.
    if (error instanceof CommandFailed || error instanceof ExpectationFailed) return null;
    throw error;
  }
}
