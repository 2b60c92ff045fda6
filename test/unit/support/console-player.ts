/** Plays the console logs of fixtures/transcripts/cases (format: the README there) to a watcher, a second at a time. */
import { readFileSync } from "node:fs";
import {
  ConsoleWatcher,
  type WatcherFact,
} from "../../../harness/machine/console/console-watcher.ts";
import { limits } from "./console.ts";

export interface Played {
  readonly watcher: ConsoleWatcher;
  readonly facts: readonly WatcherFact[];
  /** Seconds from power-on to the verdict; null without one. */
  readonly fatalAtS: number | null;
  readonly reachedSsh: boolean;
}

const bytesOf = (text: string): string => text.replaceAll("\\e", "\x1b").replaceAll("\\r", "\r");

/** Plays a log's text; what comes after a verdict is not played. */
export function play(text: string, options = limits): Played {
  const watcher = new ConsoleWatcher(options);
  const facts: WatcherFact[] = [];
  let atMs = 0;
  let reachedSsh = false;
  watcher.powerOn(0);
  for (const row of text.split("\n")) {
    if (watcher.fatal !== null) break;
    const [, order = "", rest = ""] = /^#@ (\S+) ?(.*)$/.exec(row) ?? [];
    if (order === "") {
      if (row !== "") facts.push(...watcher.feed(Buffer.from(`${bytesOf(row)}\r\n`), atMs));
    } else if (order === "nonl") facts.push(...watcher.feed(Buffer.from(bytesOf(rest)), atMs));
    else if (order === "reset") facts.push(...watcher.reset(atMs));
    else if (order === "ssh") {
      reachedSsh = true;
      facts.push(...watcher.sshAnswered(atMs));
    } else {
      for (const end = atMs + Number(order) * 1000; atMs < end && watcher.fatal === null; ) {
        atMs += 1000;
        facts.push(...watcher.tick(atMs));
      }
    }
  }
  const fatalAtS = watcher.fatal === null ? null : atMs / 1000;
  return { watcher, facts, fatalAtS, reachedSsh };
}

export const playCase = (name: string, options = limits): Played =>
  play(
    readFileSync(
      new URL(`../../../fixtures/transcripts/cases/${name}.log`, import.meta.url),
      "utf8",
    ),
    options,
  );
