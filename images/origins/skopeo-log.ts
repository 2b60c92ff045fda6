/**
 * What skopeo writes to stderr when it runs with `--debug`. Only there it tells that a registry answered 429 and that it
 * waits now, at most a minute and four times a request (containers/image, docker/docker_client.go); to everybody else a
 * skopeo that waits is as silent as a registry that is dead.
 */

/** Longer lines are cut at their end: what hides a secret stands in front of it. */
const maxLine = 64 * 1024;
const maxLines = 20;

export class SkopeoLog {
  readonly #onWait: (ms: number) => void;
  readonly #lines: string[] = [];
  #begun = "";
  #waitsUntil = 0;

  /** `onWait` hears that it waits, and for how long; of several requests that wait at once it hears the first. */
  constructor(onWait: (ms: number) => void) {
    this.#onWait = onWait;
  }

  /** Takes what came, in whatever pieces. */
  hear(text: string): void {
    const lines = `${this.#begun}${text}`.split("\n");
    this.#begun = lines.pop()?.slice(0, maxLine) ?? "";
    for (const line of lines) this.#note(line.slice(0, maxLine));
  }

  /** Until when it waits as a registry told it to, by `performance.now()`; 0: it was not told to. */
  get waitsUntil(): number {
    return this.#waitsUntil;
  }

  /** Its last lines without those that only tell what it does. */
  get words(): string {
    return [...this.#lines, this.#begun].join("\n");
  }

  #note(line: string): void {
    const [, seconds] =
      /level=debug msg="Too many requests to .*: sleeping for (\d+(?:\.\d+)?) seconds/.exec(line) ??
      [];
    if (seconds !== undefined) this.#noteWait(Number(seconds) * 1000);
    if (/^time="[^"]*" level=(?:debug|info) /.test(line)) return;
    this.#lines.push(line);
    if (this.#lines.length > maxLines) this.#lines.shift();
  }

  #noteWait(ms: number): void {
    const now = performance.now();
    if (now >= this.#waitsUntil) this.#onWait(ms);
    this.#waitsUntil = Math.max(this.#waitsUntil, now + ms);
  }
}
