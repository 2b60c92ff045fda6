/**
 * What guests of bare disks say that they are. A disk does not tell which image was installed on it, so the first guest
 * of a run that boots it is asked, its word is pinned for the whole run, and every report says that it is only its word.
 * A system that bootc does not manage is told apart there, once, and the stories that need bootc refer to it.
 */
import type { Image } from "../../images/image.ts";
import { CannotTell, CommandFailed, ExpectationFailed, GuestTooSlow } from "../base/errors.ts";
import type { Guest } from "../guest/guest.ts";
import { isToldApart } from "../guest/tools/backend.ts";
import { createBootc } from "../guest/tools/bootc.ts";
import { type Claims, identityOf } from "../guest/tools/deployments.ts";
import type { JobEvent } from "../log/events.ts";

/** A digest has 71 characters; what is much longer is not one. */
const maxClaim = 200;

/** One for each run, shared by its jobs. */
export class RunClaims implements Claims {
  readonly #pinned = new Map<string, string>();
  /** Digest of a disk whose system bootc does not manage → what told it, and in which job. */
  readonly #apart = new Map<string, { readonly headline: string; readonly job: string }>();
  readonly #told = new WeakMap<(event: JobEvent) => void, Set<string>>();

  of(image: Image): string | null {
    return this.#pinned.get(image.digest) ?? null;
  }

  /**
   * Asks a guest that has just booted from its disk, the first time in this run, and logs what counts from then on. A
   * guest that cannot say it (no bootc, no deployment) pins nothing: what is expected of it later says so. `job` is the
   * ID of the job that it was booted for.
   */
  async hear(guest: Guest, log: (event: JobEvent) => void, job: string): Promise<void> {
    const { image, name } = guest;
    this.#tellNotes(image, log);
    if (image.manifest !== null || this.#apart.has(image.digest)) return;
    const said = this.of(image) ?? (await ask(guest));
    if (isToldApart(said)) {
      if (this.#apart.has(image.digest)) return;
      this.#apart.set(image.digest, { headline: said.headline, job });
      log({ type: "note", text: `${name}: ${said.headline} ${factsOf(said)}` });
      return;
    }
    if (said === null) return;
    // Two guests may have been asked at once; the first answer counts for both.
    if (this.of(image) === null) this.#pinned.set(image.digest, said);
    log({ type: "claim", guest: name, image: image.name, says: this.of(image) ?? said });
  }

  /** The error to show in a job: what another job's guest has told in full is referred to. */
  refer(error: unknown, job: string): unknown {
    if (!isToldApart(error)) return error;
    const same = [...this.#apart.values()].filter(({ headline }) => headline === error.headline);
    const [told] = same;
    // Of several disks nobody can say here which one is meant.
    if (told === undefined || same.length > 1 || told.job === job) return error;
    return new ExpectationFailed(error.headline, {
      cause: error,
      details: { told: `by the first guest of the run, in a note of '${told.job}'` },
      lookAt: error.lookAt,
    });
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

const factsOf = ({ details }: ExpectationFailed): string =>
  `(${Object.entries(details)
    .map(([what, fact]) => `${what}: ${fact}`)
    .join("; ")})`;

const cannotSay = [CommandFailed, ExpectationFailed, GuestTooSlow, CannotTell];

/** The guest's word, what tells it apart, or null where it cannot say it. */
async function ask(guest: Guest): Promise<string | ExpectationFailed | null> {
  try {
    const { booted } = (await createBootc(guest.aside).status()).status;
    const said = identityOf(booted);
    return said === null || said.length > maxClaim ? null : said;
  } catch (error) {
    if (isToldApart(error)) return error;
    // Not what was asked for: a story that needs bootc fails by its own step.
    if (cannotSay.some((kind) => error instanceof kind)) return null;
    throw error;
  }
}
