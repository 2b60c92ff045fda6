/** What a guest's display shows, for stories: a picture that is kept as evidence, and whether it is more than text. */
import { join, relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { CannotTell } from "../base/errors.ts";
import { untilAborted } from "../base/until-aborted.ts";
import type { JobEvent } from "../log/events.ts";
import { kindOfPicture, type PictureKind } from "../machine/console/picture-kind.ts";
import { isMoving, type Picture } from "../machine/console/screen-change.ts";
import type { Machine } from "../machine/machine.ts";

export interface GuestScreen {
  /**
   * Keeps a picture once nothing moves any more, at the latest after a while; returns what it shows, null where that cannot be told.
   * `until-shown`: it waits longer for one that is not blank.
   */
  photograph(what: string, how?: "at-once" | "until-shown"): Promise<PictureKind | null>;
  /**
   * Waits until the screen has changed and then shows more than text. Throws CannotTell where it does not: that proves nothing
   * about the image.
   */
  expectGraphics(): Promise<void>;
}

/** Whose screen it is. */
export interface ScreenSource {
  readonly name: string;
  readonly machine: Pick<Machine, "screen" | "console" | "died">;
  readonly directory: string;
}

export interface ScreenOptions {
  readonly runDirectory: string;
  readonly log: (event: JobEvent) => void;
  readonly signal: AbortSignal;
  readonly boot: { readonly timeScale: number };
}

/** With hardware acceleration. Milliseconds. */
const stillMs = 10_000;
const graphicsMs = 60_000;
/** Between two looks: not a multiple of a cursor's beat. Milliseconds. */
const lookMs = 1700;
/** Looks at a screen that stands still. */
const looks = 3;

/** The display of a guest. Throws CannotTell for a machine without one. */
export function screenOf(source: ScreenSource | undefined, options: ScreenOptions): GuestScreen {
  const screen = source?.machine.screen ?? null;
  if (source === undefined || screen === null)
    throw new CannotTell("The guest's machine does not have a screen, or is off already.");
  const { runDirectory, log, signal, boot } = options;
  const everyMs = lookMs * Math.min(1, boot.timeScale);
  const { directory, machine } = source;
  const look = async (): Promise<Picture | null> => (await screen.picture?.(signal)) ?? null;
  const within = async <T>(
    ms: number,
    next: () => Promise<T | undefined>,
  ): Promise<T | undefined> => {
    const endsAt = performance.now() + ms * boot.timeScale;
    for (;;) {
      const found = await next();
      if (found !== undefined || performance.now() >= endsAt) return found;
      await untilAborted(Promise.race([pause(everyMs), machine.died]), signal);
    }
  };
  return {
    async photograph(what, how = "at-once") {
      let last: Picture[] = [];
      const isAwaited = how === "until-shown";
      const still = await within(isAwaited ? graphicsMs : stillMs, async () => {
        const picture = await look();
        if (picture === null) return null;
        last = [...last, picture].slice(-looks);
        const isStill = last.length === looks && !isMoving(last);
        return isStill && !(isAwaited && kindOfPicture(picture) === "blank") ? picture : undefined;
      });
      const path = join(directory, `screen-${what}.png`);
      await screen.screenshot(path, signal);
      log({ type: "evidence", kind: "screenshot", path: relative(runDirectory, path) });
      const shown = still ?? last.at(-1);
      return shown === undefined ? null : kindOfPicture(shown);
    },
    async expectGraphics() {
      const kinds: PictureKind[] = [];
      let last: Picture[] = [];
      const isThere = await within(graphicsMs, async () => {
        const picture = await look();
        if (picture === null) return undefined;
        last = [...last, picture].slice(-looks);
        const kind = kindOfPicture(picture);
        if (kinds.at(-1) !== kind) kinds.push(kind);
        const isStill = last.length === looks && !isMoving(last);
        return kind === "graphics" && isStill ? true : undefined;
      });
      if (isThere === true) return;
      throw new CannotTell("Whether a session or an installer is there cannot be told.", {
        details: {
          screen: kinds.length === 0 ? "nothing to see" : kinds.join(", then "),
          why: "nothing can be asked of the live system, and its screen does not come to rest with more than text",
          "how to": "the root channel needs systemd 256 or later in the image",
        },
        lookAt: machine.console.path,
      });
    },
  };
}
