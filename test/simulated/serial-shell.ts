/**
 * What sits on the simulated guest's serial console: a getty, a shell, and the loop that the harness teaches a shell. The loop is
 * told what to do in the same lines as a real one, and answers in the same words; it runs nothing of the shell code in them.
 */
import { linesAtOnce, pieceBytes } from "../../harness/guest/serial/agent.ts";
import { cksum } from "../../harness/guest/serial/cksum.ts";

export interface SerialAnswer {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface SerialShellOptions {
  readonly say: (text: string) => void;
  /** Runs a command of the guest; null for one that never ends. */
  readonly run: (command: string, input: string) => Promise<SerialAnswer | null>;
  /** Whether root is let in without a password. */
  readonly letsIn: boolean;
}

export class SerialShell {
  readonly #options: SerialShellOptions;
  #state: "getty" | "password" | "shell" | "loop" = "getty";
  #nonce = "";
  #rest = "";
  #files: Record<string, string> = {};
  #started = "";
  #ended: { readonly word: string; readonly streams: readonly Buffer[] } | null = null;

  constructor(options: SerialShellOptions) {
    this.#options = options;
  }

  /** The guest starts again. */
  reset(): void {
    this.#state = "getty";
    this.#rest = "";
  }

  hear(text: string): void {
    // A loop's terminal has no echo.
    if (this.#state !== "loop") this.#options.say(text.replaceAll("\r", "\r\n"));
    if (text.includes("\x03") && this.#state === "loop") this.#state = "getty";
    const lines = (this.#rest + text).split(/[\r\n]/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line.replaceAll(/[\x03\x15]/g, ""));
  }

  #line(line: string): unknown {
    const { say, letsIn } = this.#options;
    if (this.#state === "loop") return this.#request(line);
    if (this.#state === "getty" && line === "root") {
      this.#state = letsIn ? "shell" : "password";
      return say(letsIn ? "root@simulated:~# " : "Password: ");
    }
    const nonce = / exec \/bin\/sh -c '.*;n=(bg[0-9a-f]+);/.exec(line)?.[1];
    if (this.#state === "shell" && nonce !== undefined) {
      this.#state = "loop";
      this.#nonce = nonce;
      this.#started = "";
      return say(`${nonce}-42\r\n`);
    }
    if (this.#state === "shell") return say("root@simulated:~# ");
    this.#state = "getty";
    say("\r\nsimulated login: ");
  }

  #tell(words: string): void {
    this.#options.say(`${this.#nonce} ${words} = ${words}\r\n`);
  }

  #request(line: string): unknown {
    const [, nonce, sum, request = ""] = /^(\S+) (\d+) (.*)$/.exec(line) ?? [];
    if (nonce !== this.#nonce || Number(sum) !== cksum(Buffer.from(request)))
      return this.#tell("n");
    const lesson = /"(ok \d+)"$/.exec(request)?.[1];
    if (lesson !== undefined) return this.#tell(lesson);
    const [verb, ...words] = request.split(" ");
    const [id = "", second = "", third = ""] = words;
    if (verb === "prep") {
      this.#files = {};
      return this.#tell(`p ${id}`);
    }
    if (verb === "put") {
      this.#files[second] = (this.#files[second] ?? "") + third;
      return this.#tell(`a ${id}`);
    }
    if (verb === "now") this.#files = { c: third };
    if (verb === "now" || verb === "run") return this.#start(id);
    if (verb === "get") {
      this.#pieces(Number(id), Number(second), Number(third));
      return this.#tell(`g ${words.join(" ")}`);
    }
    if (verb === "kl") this.#end(id, { stdout: "", stderr: "", exitCode: 137 });
    if (verb === "kl" || verb === "st") this.#tell(this.#ended?.word ?? `w ${id}`);
  }

  #start(id: string): void {
    this.#tell(`r ${id}`);
    if (this.#started === id) return;
    this.#started = id;
    this.#ended = null;
    const text = (name: string) => Buffer.from(this.#files[name] ?? "", "base64").toString("utf8");
    void this.#options.run(text("c"), text("i")).then((answer) => {
      if (answer === null || this.#state !== "loop" || this.#started !== id) return;
      this.#end(id, answer);
      this.#tell(this.#ended?.word ?? "");
      for (const stream of [1, 2]) this.#pieces(stream, 1, linesAtOnce);
    });
  }

  #end(id: string, { stdout, stderr, exitCode }: SerialAnswer): void {
    if (this.#ended !== null) return;
    const streams = [Buffer.from(stdout), Buffer.from(stderr)];
    const facts = streams.map((bytes) => `${cksum(bytes)} ${bytes.length}`).join(" ");
    this.#ended = { word: `e ${id} ${exitCode} ${facts}`, streams };
  }

  #pieces(stream: number, from: number, count: number): void {
    const bytes = this.#ended?.streams[stream - 1] ?? Buffer.of();
    for (let number = from; number < from + count; number++) {
      const piece = bytes.subarray((number - 1) * pieceBytes, number * pieceBytes);
      if (piece.length === 0) return;
      const base64 = piece.toString("base64");
      this.#options.say(
        `${this.#nonce} l ${stream} ${number} ${cksum(piece)} ${base64} ${number}\r\n`,
      );
    }
  }
}
