/**
 * The part of telnet (RFC 854) and its Com Port Control Option (RFC 2217) that a console needs: binary both ways, and speed, 8 data
 * bits, no parity, 1 stop bit and no flow control, each of which the server says back. Pure: bytes in, bytes out.
 */
import { HostUnfit, MachineFault } from "../../../base/errors.ts";

const IAC = 255;
const [DONT, DO, WONT, WILL, SB, SE] = [254, 253, 252, 251, 250, 240] as const;
const [BINARY, ECHO, SUPPRESS_GO_AHEAD, COM_PORT] = [0, 1, 3, 44] as const;
/** Commands of a client; a server answers with the same number plus 100. */
const [SET_BAUD, SET_DATA_SIZE, SET_PARITY, SET_STOP_SIZE, SET_CONTROL] = [1, 2, 3, 4, 5] as const;
const answerOffset = 100;
/** For the whole of the negotiation. */
const settleMs = 5000;
/** A subnegotiation of ours has less than ten bytes; one that does not end is not telnet. */
const maxBlock = 512;

export interface Rfc2217Options {
  readonly baud: number;
  readonly send: (bytes: Uint8Array) => void;
}

type State = "data" | "iac" | "option" | "block" | "block-iac";

export class Rfc2217 {
  /** Resolves when the server has said the speed back. Rejects with HostUnfit where it does not speak RFC 2217, or has another speed. */
  readonly settled: Promise<void>;
  readonly #options: Rfc2217Options;
  #state: State = "data";
  #verb = 0;
  #block: number[] = [];
  #afterReturn = false;
  #theirsBinary = false;
  /** What we said, by verb and option: an answer to an answer would go on for ever (RFC 854). */
  readonly #said = new Set<string>();
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: Rfc2217Options) {
    this.#options = options;
    this.settled = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    }).finally(() => clearTimeout(this.#timer));
    this.settled.catch(() => undefined);
  }

  /** Offers what we speak. */
  begin(): void {
    for (const [verb, option] of [
      [WILL, BINARY],
      [DO, BINARY],
      [DO, SUPPRESS_GO_AHEAD],
      [WILL, SUPPRESS_GO_AHEAD],
      [WILL, COM_PORT],
    ] as const)
      this.#say(verb, option);
    this.#timer = setTimeout(
      () => this.#reject(notSpoken("it does not answer to the telnet option")),
      settleMs,
    ).unref();
  }

  /** The connection has ended. */
  end(): void {
    clearTimeout(this.#timer);
  }

  /** Data as it goes over the line: 255 is doubled. */
  escape(bytes: Uint8Array): Uint8Array {
    if (!bytes.includes(IAC)) return bytes;
    return Buffer.from([...bytes].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])));
  }

  /** What of the received bytes is the console's. */
  receive(bytes: Uint8Array): Uint8Array {
    const data: number[] = [];
    for (const byte of bytes) this.#take(byte, data);
    return Buffer.from(data);
  }

  #take(byte: number, data: number[]): void {
    switch (this.#state) {
      case "data":
        if (byte === IAC) this.#state = "iac";
        else this.#data(byte, data);
        return;
      case "iac":
        this.#state = "data";
        if (byte === IAC) this.#data(byte, data);
        else if (byte >= WILL && byte <= DONT) {
          this.#verb = byte;
          this.#state = "option";
        } else if (byte === SB) {
          this.#block = [];
          this.#state = "block";
        }
        return;
      case "option":
        this.#state = "data";
        this.#negotiate(this.#verb, byte);
        return;
      case "block":
        if (byte === IAC) this.#state = "block-iac";
        else if (this.#block.push(byte) > maxBlock) this.#state = "data";
        return;
      case "block-iac":
        if (byte === IAC) {
          this.#block.push(IAC);
          this.#state = "block";
          return;
        }
        this.#state = "data";
        if (byte === SE) this.#subnegotiated(this.#block);
    }
  }

  /** A server that is not in binary mode sends a NUL behind a carriage return (RFC 854). */
  #data(byte: number, data: number[]): void {
    if (this.#afterReturn && byte === 0 && !this.#theirsBinary) {
      this.#afterReturn = false;
      return;
    }
    this.#afterReturn = byte === 13;
    data.push(byte);
  }

  #negotiate(verb: number, option: number): void {
    if (verb === DO && option === COM_PORT) {
      this.#say(WILL, COM_PORT);
      this.#setPort();
    } else if (verb === DONT && option === COM_PORT)
      this.#reject(notSpoken("it refuses the option"));
    else if (verb === DO)
      this.#say(option === BINARY || option === SUPPRESS_GO_AHEAD ? WILL : WONT, option);
    else if (verb === WILL) {
      const wanted = option === BINARY || option === SUPPRESS_GO_AHEAD || option === ECHO;
      if (option === BINARY) this.#theirsBinary = true;
      this.#say(wanted || option === COM_PORT ? DO : DONT, option);
    }
  }

  #setPort(): void {
    const speed = Buffer.alloc(4);
    speed.writeUInt32BE(this.#options.baud);
    for (const block of [
      [SET_BAUD, ...speed],
      [SET_DATA_SIZE, 8],
      [SET_PARITY, 1],
      [SET_STOP_SIZE, 1],
      [SET_CONTROL, 1],
    ]) {
      const escaped = this.escape(Buffer.from(block));
      this.#options.send(Buffer.from([IAC, SB, COM_PORT, ...escaped, IAC, SE]));
    }
  }

  #subnegotiated([option, command, ...value]: readonly number[]): void {
    if (option !== COM_PORT || command !== SET_BAUD + answerOffset || value.length < 4) return;
    const speed = Buffer.from(value).readUInt32BE(0);
    if (speed === this.#options.baud) this.#resolve();
    else
      this.#reject(
        new MachineFault(
          `The far serial port speaks at ${speed} baud, and was told ${this.#options.baud}.`,
          { details: { "to do": "set 'baud' in boards.yaml, or the speed at the console server" } },
        ),
      );
  }

  #say(verb: number, option: number): void {
    const key = `${verb} ${option}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.#options.send(Buffer.from([IAC, verb, option]));
  }
}

const notSpoken = (why: string): HostUnfit =>
  new HostUnfit(`The console server does not speak RFC 2217: ${why}.`, {
    details: { "to do": "use 'by: tcp', or 'telnet(rfc2217)' in its configuration" },
  });
