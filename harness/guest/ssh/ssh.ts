/**
 * One SSH connection: a login over a socket that has heard the banner, then commands over it. ssh2 and not the host's
 * `ssh`: one connection is kept for all commands (a handshake costs an emulated guest over a second), and nothing of the
 * person's own SSH configuration can leak in.
 */
import type { Socket } from "node:net";
import ssh2 from "ssh2";
import type { ExecLimits, ExecOutcome, Transport } from "../transport.ts";
import { execOver } from "./ssh-exec.ts";
import type { SshKey } from "./ssh-key.ts";

/** Light first: curve25519 with AES-GCM costs the guest about a quarter less than a post-quantum exchange. */
const algorithms: ssh2.Algorithms = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "diffie-hellman-group14-sha256",
  ],
  serverHostKey: ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"],
  cipher: [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-gcm",
    "aes256-gcm",
    "aes128-ctr",
    "aes256-ctr",
  ],
  hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  compress: ["none"],
};

/** The server talks SSH but does not take our key. */
export class LoginRefused extends Error {}

export interface LoginOptions {
  readonly key: SshKey;
  /** For handshake and authentication, milliseconds. */
  readonly timeoutMs: number;
  /** Between keepalive questions, milliseconds; three without an answer end the connection. */
  readonly keepaliveMs: number;
  readonly signal: AbortSignal;
}

/** An open connection. */
export class SshConnection implements Transport {
  readonly kind = "ssh" as const;
  readonly #client: ssh2.Client;
  #whyClosed: string | null = null;

  constructor(client: ssh2.Client) {
    this.#client = client;
    client.on("error", (error) => {
      this.#whyClosed ??= error.message;
    });
    client.on("close", () => {
      this.#whyClosed ??= "the guest closed it";
    });
  }

  get isOpen(): boolean {
    return this.#whyClosed === null;
  }

  get whyClosed(): string | null {
    return this.#whyClosed;
  }

  end(): void {
    this.#whyClosed ??= "the harness closed it";
    this.#client.end();
    this.#client.destroy();
  }

  /** Runs one command line in the login shell. Rejects with the abort reason only. */
  exec(command: string, limits: ExecLimits): Promise<ExecOutcome> {
    return execOver(this.#client, () => this.#whyClosed, command, limits);
  }
}

/** Logs in as root over a socket. Rejects with LoginRefused, or a plain Error for a handshake that fails. */
export function login(socket: Socket, options: LoginOptions): Promise<SshConnection> {
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      options.signal.removeEventListener("abort", onAbort);
      client.destroy();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(options.signal.reason);
    options.signal.addEventListener("abort", onAbort, { once: true });
    client.on("error", (error) => {
      const refused = error.level === "client-authentication";
      fail(
        refused ? new LoginRefused(error.message) : new Error(`SSH handshake: ${error.message}`),
      );
    });
    client.on("close", () => fail(new Error("the connection closed during the SSH handshake")));
    client.on("ready", () => {
      options.signal.removeEventListener("abort", onAbort);
      client.removeAllListeners("error");
      client.removeAllListeners("close");
      resolve(new SshConnection(client));
    });
    client.connect({
      sock: socket,
      username: "root",
      privateKey: options.key.privateKey,
      algorithms,
      readyTimeout: options.timeoutMs,
      keepaliveInterval: options.keepaliveMs,
      keepaliveCountMax: 3,
      // The host key is made by the guest on its first boot; the connection never leaves this host.
      hostVerifier: () => true,
    });
    if (options.signal.aborted) onAbort();
  });
}
