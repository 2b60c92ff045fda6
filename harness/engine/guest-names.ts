/**
 * What a story's guests are called: by the role of their image, never by the image. A role is the same in every build,
 * so that step names can be compared between runs, and no name that a person gave to a file reaches a driver.
 */
import type { Image } from "../../images/image.ts";
import type { UpdateBehind } from "../states/bring-to.ts";

export interface GuestName {
  /** Unique in the job: `candidate`, `previous`, `candidate-2`. Letters, digits and dashes. */
  readonly name: string;
  /** The boot as a step: `boots the candidate`. */
  readonly claim: string;
}

/** Names guests in the order in which they are booted. */
export class GuestNames {
  readonly #roles: readonly (readonly [string, Image])[];
  readonly #counts = new Map<string, number>();

  constructor(images: Readonly<Record<string, Image>>) {
    this.#roles = Object.entries(images);
  }

  next(image: Image): GuestName {
    const role = this.#roles.find(([, other]) => other === image)?.[0] ?? null;
    if (image.cutAt !== undefined) return this.#nextCut(image.cutAt);
    const word = wordOf(role ?? "guest");
    const count = (this.#counts.get(word) ?? 0) + 1;
    this.#counts.set(word, count);
    return { name: count === 1 ? word : `${word}-${count}`, claim: claimOf(role, count) };
  }

  /** The name has the point's number, by which it can be made again; the claim is alike in each run. */
  #nextCut(point: number): GuestName {
    const count = (this.#counts.get("cut") ?? 0) + 1;
    this.#counts.set("cut", count);
    return { name: `cut-${point}`, claim: `boots what a power cut left (state ${count})` };
  }
}

function claimOf(role: string | null, count: number): string {
  const what =
    role === null
      ? "an image of its own"
      : role === "candidate"
        ? "the candidate"
        : `the ${role} image`;
  return `boots ${what}${count === 1 ? "" : " again"}${count > 2 ? ` (boot ${count})` : ""}`;
}

/** A role as a machine's name may hold it. Roles are a story's own words, so almost always as it is. */
function wordOf(role: string): string {
  const word = role.replaceAll(/[^a-zA-Z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
  return word.slice(0, 40) || "guest";
}

/** What the guest has behind it, at the end of its claim. */
export const claimBehind = (behind: UpdateBehind | undefined): string =>
  behind === undefined
    ? ""
    : behind.state === "staged"
      ? ", on which the candidate gets staged"
      : ", which gets upgraded to the candidate";
