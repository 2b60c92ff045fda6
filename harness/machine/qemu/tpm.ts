/**
 * The TPM of a machine: a process of swtpm(8) for as long as its QEMU runs, with what it keeps in the machine's workspace. Its end and
 * what it says of itself are the host's fault, and are named: QEMU alone says "operation failed".
 */
import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { HostUnfit, MachineFault } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import {
  attemptCommand,
  type ExitFacts,
  type OwnedProcess,
  startProcess,
} from "../../base/process.ts";
import { waitFor } from "../../base/wait.ts";
import type { Workspace } from "../../base/workspace.ts";
import type { MachineSpec, TpmState } from "../machine.ts";
import { checkSocketPath, exitDetails } from "./qemu-process.ts";

/** What it keeps while it is off, by the name that swtpm gives it (swtpm, src/swtpm/swtpm_nvstore_dir.c). */
const keptName = "tpm2-00.permall";

/** It takes some milliseconds; a busy host gets more. */
const startMs = 30_000;

/** How long after its end that of QEMU may be told: swtpm ends by itself when QEMU hangs up. Milliseconds. */
const goodbyeMs = 2000;

/** What swtpm writes about its own files. After it the TPM answers nothing but that it has failed (TPM 2.0 Library, part 1, 10.4). */
const cannotKeep = /^swtpm: (SWTPM_NVRAM_\w{1,60}: .{0,300}(?:[Ee]rror|[Cc]ould not).{0,300})$/m;

/** Where QEMU finds the TPM of a machine. */
export const tpmSocketIn = ({ sockets }: Pick<Workspace, "sockets">): string =>
  join(sockets, "tpm");

/** The version of swtpm, `0.7.1`. Throws HostUnfit where it cannot be run. */
export async function tpmVersion(program: string): Promise<string> {
  const install = "apt install swtpm, or dnf install swtpm";
  const said = await attemptCommand(program, ["--version"], { timeoutMs: 10_000 }).catch(
    (cause: unknown) => {
      throw new HostUnfit("This host has no swtpm, which is the TPM of a machine.", {
        cause,
        details: { install },
        lookAt: "npm run -s bootgate -- doctor",
      });
    },
  );
  const version = /version (\d[\d.]{0,20})/.exec(said.stdout)?.[1];
  if (said.exitCode === 0 && version !== undefined) return version;
  throw new HostUnfit(`'${program}' is not an swtpm that works.`, {
    details: { said: (said.stderr || said.stdout).slice(0, 500) || "nothing", install },
  });
}

export interface TpmParts {
  /** The machine's, for what people read. */
  readonly machine: string;
  readonly program: string;
  readonly workspace: Workspace;
  /** Copied when it first starts. Absent: it is new. */
  readonly state: TpmState | undefined;
  /** Told once for each start, while QEMU runs or when it has ended. */
  readonly onFault: (fault: MachineFault) => void;
}

export class EmulatedTpm {
  /** Where QEMU finds it. */
  readonly socket: string;
  readonly #parts: TpmParts;
  readonly #folder: string;
  #process: OwnedProcess | null = null;
  #said = "";
  #fault: MachineFault | null = null;
  #isExpectedToEnd = false;

  constructor(parts: TpmParts) {
    this.#parts = parts;
    this.socket = tpmSocketIn(parts.workspace);
    this.#folder = join(parts.workspace.path, "tpm");
    checkSocketPath(this.socket);
  }

  /** What it has shown to be wrong since it last started. */
  get fault(): MachineFault | null {
    return this.#fault;
  }
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Starts it with what it kept when it last ran. Throws MachineFault where it does not come up; then nothing of it runs. */
  async start(signal: AbortSignal): Promise<void> {
    await this.end();
    await this.#makeFolder();
    this.#said = "";
    this.#fault = null;
    this.#isExpectedToEnd = false;
    const { machine, program, workspace } = this.#parts;
    // Written once its socket is listened on (swtpm, src/swtpm/swtpm.c); a socket's file is there a moment earlier.
    const isUp = join(workspace.sockets, `tpm-${Date.now()}.pid`);
    const child = startProcess(
      program,
      [
        ...["socket", "--tpm2", "--terminate"],
        ...["--tpmstate", `dir=${this.#folder},mode=0600`],
        ...["--ctrl", `type=unixio,path=${this.socket},mode=0600`],
        ...["--pid", `file=${isUp}`],
      ],
      { onError: (text) => this.#hear(text) },
    );
    this.#process = child;
    const early = child.exited.then((facts): never => {
      throw this.#explain(`The TPM of machine '${machine}' did not start.`, facts);
    });
    early.catch(() => undefined);
    try {
      await waitFor({
        what: `the TPM of machine '${machine}'`,
        probe: async () => ((await exists(isUp)) ? true : undefined),
        intervalMs: 20,
        timeoutMs: startMs,
        signal,
        giveUpWhen: early,
        onTimeout: () =>
          new MachineFault(`The TPM of machine '${machine}' did not come up within 30 s.`),
      });
    } catch (error) {
      await this.end();
      throw error;
    }
    void child.exited.then((facts) => this.#onExit(child, facts));
  }

  /** Ends it. What it keeps stays for the next start. Returns when it is gone. */
  async end(): Promise<void> {
    this.#isExpectedToEnd = true;
    await this.#process?.stop();
    this.#process = null;
  }

  async #makeFolder(): Promise<void> {
    if (await exists(this.#folder)) return;
    const { state, machine } = this.#parts;
    if (this.#folder.includes(","))
      throw new HostUnfit("swtpm cannot be given a folder with a comma in its name.", {
        details: { folder: this.#folder, "to do": "choose another by TMPDIR or XDG_CACHE_HOME" },
      });
    await mkdir(this.#folder, { mode: 0o700 }).catch((cause: unknown) => {
      throw new MachineFault(`The TPM of machine '${machine}' cannot keep its state.`, {
        cause,
        details: { folder: this.#folder },
      });
    });
    if (state === undefined) return;
    await copyFile(state.path, join(this.#folder, keptName)).catch(async (cause: unknown) => {
      // Else the next start would find it, and make a new TPM in it.
      await rm(this.#folder, { recursive: true, force: true });
      throw new HostUnfit(`The state of the TPM of machine '${machine}' cannot be read.`, {
        cause,
        details: { file: state.path },
      });
    });
  }

  #hear(text: string): void {
    this.#said = (this.#said + text).slice(-8000);
    const said = cannotKeep.exec(this.#said)?.[1];
    if (said === undefined || this.#fault !== null) return;
    const what = `The TPM of machine '${this.#parts.machine}' cannot keep its state.`;
    this.#tell(new MachineFault(what, { details: { swtpm: said, folder: this.#folder } }));
  }

  async #onExit(child: OwnedProcess, facts: ExitFacts): Promise<void> {
    if (facts.exitCode === 0) {
      // It hangs up as soon as QEMU has; what is left of QEMU then is told by QEMU's own end.
      await new Promise((resolve) => setTimeout(resolve, goodbyeMs).unref());
    }
    if (this.#isExpectedToEnd || this.#process !== child || this.#fault !== null) return;
    this.#tell(this.#explain(`The TPM of machine '${this.#parts.machine}' died.`, facts));
  }

  #tell(fault: MachineFault): void {
    this.#fault = fault;
    this.#parts.onFault(fault);
  }

  #explain(what: string, facts: ExitFacts): MachineFault {
    return new MachineFault(what, {
      details: { program: this.#parts.program, ...exitDetails(facts) },
      lookAt: "npm run -s bootgate -- doctor",
    });
  }
}

/** The TPM of a machine that is to have one. */
export const tpmOf = (
  {
    spec: { name, tpm },
    tpmProgram,
    workspace,
  }: {
    readonly spec: Pick<MachineSpec, "name" | "tpm">;
    readonly tpmProgram: string;
    readonly workspace: Workspace;
  },
  onFault: (fault: MachineFault) => void,
): EmulatedTpm | null =>
  tpm === undefined
    ? null
    : new EmulatedTpm({ machine: name, program: tpmProgram, workspace, state: tpm.state, onFault });
