/**
 * bootc as scenarios see it. The schema follows `docs/src/host-v1.schema.json` of bootc-dev/bootc: unknown keys are
 * ignored and keys that older versions lack are defaulted, since upstream's types are open-ended. What every version
 * requires is required here, so that a status that breaks its own schema is found. Both backends are known: the composefs
 * backend prints null for `type`, `store`, `ostree` and `version` (seen with 1.16.9).
 */
import { z } from "zod";
import { CannotTell } from "../../base/errors.ts";
import { type CommandLimits, type CommandResult, pullLimits } from "../command.ts";
import { commands } from "../commands.ts";
import { excerptEnd } from "../excerpt.ts";
import { type GuestIo, parseJson, requireSuccess } from "../guest-io.ts";
import { notByBootc } from "./backend.ts";
import { startUpWaiter } from "./before-rollback.ts";

export interface BootcCommands {
  /** Throws ExpectationFailed where the JSON breaks its schema or bootc did not deploy what is running. */
  status(): Promise<BootcHost>;
  /** First line of `bootc --version`. */
  version(): Promise<string>;
  /** `bootc upgrade`; throws CommandFailed unless it exits 0. Returns what it printed. */
  upgrade(
    ...options: readonly ("--check" | "--download-only" | "--from-downloaded" | "--apply")[]
  ): Promise<string>;
  /** `bootc upgrade`, however it ends. Throws CannotTell where the image's signature policy takes nothing unsigned. */
  tryUpgrade(limits?: CommandLimits): Promise<CommandResult>;
  /** `bootc switch` to a reference of a registry, likewise. */
  trySwitch(reference: string, limits?: CommandLimits): Promise<CommandResult>;
  /** `bootc switch`; `transport` is one of containers-transports(5), by default the registry's. */
  switch(
    reference: string,
    transport?: "oci" | "oci-archive" | "containers-storage",
  ): Promise<string>;
  /** `bootc rollback`, once `beforeRollback` has waited. */
  rollback(): Promise<string>;
  /** Waits for the end of the start-up before a rollback that is ordered in another way, and goes on where it does not come. */
  beforeRollback(): Promise<void>;
  /** `bootc install print-configuration`: the image's wishes for its installation, the machine's own over them. */
  installConfiguration(): Promise<InstallConfiguration>;
}

const orNull = <T extends z.ZodType>(schema: T) => schema.nullable().default(null);

const imageReference = z.object({
  image: z.string(),
  /** registry, oci, oci-archive, containers-storage, dir, … */
  transport: z.string(),
  /** Absent means unverified; else `insecure`, `containerPolicy` or `{ ostreeRemote }`. */
  signature: z.union([z.string(), z.record(z.string(), z.string()), z.null()]).default(null),
});

const imageStatus = z.object({
  image: imageReference,
  version: orNull(z.string()),
  timestamp: orNull(z.string()),
  imageDigest: z.string(),
  /** OCI's word, `amd64` and not `x86_64`. Since 1.1.7. */
  architecture: orNull(z.string()),
});

const bootEntry = z.object({
  image: orNull(imageStatus),
  /** What `upgrade --check` last found. */
  cachedUpdate: orNull(imageStatus),
  /** True where local rpm-ostree changes are in the way; `image` is null then. */
  incompatible: z.boolean(),
  pinned: z.boolean().default(false),
  /** Since 1.7. */
  softRebootCapable: z.boolean().default(false),
  /** Since 1.12. */
  downloadOnly: z.boolean().default(false),
  store: orNull(z.string()),
  ostree: orNull(
    z.object({
      checksum: z.string(),
      deploySerial: z.number().int(),
      /** Since 1.3.0. */
      stateroot: orNull(z.string()),
    }),
  ),
  /** Only with the composefs backend; null on ostree that uses composefs. */
  composefs: orNull(
    z.object({
      /** fs-verity digest of the image, as in the kernel argument `composefs=`. */
      verity: z.string(),
      bootType: orNull(z.string()),
      bootloader: orNull(z.string()),
      /** sha256 of kernel and initramfs; null where nobody reckoned it, as older releases for unified kernels. */
      bootDigest: orNull(z.string()),
    }),
  ),
});

/** `bootc status --format=json`. */
export const bootcHost = z.object({
  apiVersion: z.string(),
  kind: z.literal("BootcHost"),
  metadata: z.object({ name: z.string() }).default({ name: "host" }),
  spec: z
    .object({
      image: orNull(imageReference),
      bootOrder: z.string().default("default"),
    })
    .default({ image: null, bootOrder: "default" }),
  status: z.object({
    staged: orNull(bootEntry),
    booted: orNull(bootEntry),
    rollback: orNull(bootEntry),
    otherDeployments: z
      .array(bootEntry)
      .nullish()
      .transform((entries) => entries ?? []),
    rollbackQueued: z
      .boolean()
      .nullish()
      .transform((queued) => queued ?? false),
    /** `bootcHost` when booted from a container image by way of ostree; null on the composefs backend. */
    type: orNull(z.string()),
    usrOverlay: orNull(z.object({ accessMode: z.string(), persistence: z.string() })),
    /** Since 1.16.7: the physical root is on a read-only medium. */
    readOnly: z.boolean().default(false),
  }),
});

/** What of it a story looks at; all other settings are kept as they are (bootc-dev/bootc, `install/config.rs`). */
const installConfiguration = z.looseObject({
  filesystem: z
    .looseObject({ root: z.looseObject({ type: z.string().nullish() }).nullish() })
    .nullish(),
});
export type InstallConfiguration = z.output<typeof installConfiguration>;

export type BootcHost = z.output<typeof bootcHost>;
export type BootcEntry = NonNullable<BootcHost["status"]["booted"]>;

export type ImageReference = z.output<typeof imageReference>;

/** How a policy refuses an image (containers/image, signature/policy_eval_simple.go and policy_eval_signedby.go). */
const refusedByPolicy = /is rejected by policy|A signature was required, but no signature exists/;

/**
 * What stories publish is signed only where it is about that, and `ostree-unverified-registry` does not switch a policy off (bootc-dev/bootc#815): a system
 * that takes nothing unsigned is right to refuse. Throws CannotTell then.
 */
function unlessByPolicy(io: GuestIo, result: CommandResult): CommandResult {
  const refusal = result.exitCode === 0 ? null : refusalByPolicy(io, result.stderr);
  if (refusal !== null) throw refusal;
  return result;
}

/** The error for a pull that the image's signature policy refused; null where it says something else. */
export function refusalByPolicy(
  { name, lookAt }: Pick<GuestIo, "name" | "lookAt">,
  stderr: string,
): CannotTell | null {
  if (!refusedByPolicy.test(stderr)) return null;
  return new CannotTell(
    `The signature policy of guest '${name}' does not take the images that the harness serves, which are not signed.`,
    {
      details: {
        stderr: excerptEnd(stderr, 1000),
        "to do":
          "play the stories that publish nothing, or judge an image whose /etc/containers/policy.json has an exception for the harness's registry",
      },
      lookAt,
    },
  );
}

/** What a shell or env(1) says of a program that is there and lacks a library; its exit code is 127, too. */
export const lacksLibrary = /error while loading shared libraries|symbol lookup error/;

/** How clap (Rust's parser of command lines) refuses an option that a program does not have. */
const lacksFormat =
  /(?:unexpected|wasn't expected|unrecognized).{0,40}--format|'--format'.{0,40}(?:unexpected|wasn't expected)/;

/** What tells one staged deployment from another. */
const stagedId = ({ status: { staged } }: BootcHost): string | null =>
  staged === null
    ? null
    : [
        staged.image?.imageDigest,
        staged.image?.image.image,
        staged.ostree?.checksum,
        staged.composefs?.verity,
      ].join(" ");

interface BootcOptions {
  /** Told durations: `upgrade.seconds`, `switch.seconds`. */
  readonly onMeasure?: ((name: string, value: number) => void) | undefined;
  /** Told what a person should know and no rule judges. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/** bootc in this guest. Exit codes: 0 success, 1 error, 2 usage; there is none for "no update", so compare the status. */
export function createBootc(io: GuestIo, { onMeasure, onNote }: BootcOptions = {}): BootcCommands {
  const beforeRollback = startUpWaiter(io, onNote);
  const run = async (command: string, limits?: CommandLimits): Promise<CommandResult> =>
    checked(await io.exec(command, limits));
  const checked = async (result: CommandResult): Promise<CommandResult> => {
    if (result.exitCode === 127 && !lacksLibrary.test(result.stderr))
      throw await notByBootc(io, "the program is not there");
    return requireSuccess(io, result);
  };
  const readStatus = async (): Promise<CommandResult> => {
    const result = await io.exec(commands.bootcStatus);
    const isOld = result.exitCode === 2 && lacksFormat.test(result.stderr);
    return isOld ? run(commands.bootcStatusOld) : checked(result);
  };
  const status = async (): Promise<BootcHost> => {
    const { command, stdout } = await readStatus();
    const host = parseJson(bootcHost, { command, guest: io.name }, stdout);
    // With package mode and in containers bootc exits 0 and says null.
    if (host.status.booted === null)
      throw await notByBootc(io, "its status names no booted deployment");
    return host;
  };
  const tryPull = async (command: string, limits = pullLimits(io)): Promise<CommandResult> =>
    unlessByPolicy(io, await io.exec(command, limits));
  const pull = async (command: string): Promise<CommandResult> => checked(await tryPull(command));
  /** A look that found nothing new would make an upgrade seem quick. The composefs backend stages without a word, so the status tells. */
  const measured = async (name: string, command: string): Promise<string> => {
    if (onMeasure === undefined) return (await pull(command)).stdout;
    const before = stagedId(await status());
    const { stdout, durationMs } = await pull(command);
    const after = stagedId(await status());
    if (after !== null && after !== before) onMeasure(name, durationMs / 1000);
    return stdout;
  };
  return {
    status,
    async version() {
      const { stdout } = await run(commands.bootcVersion);
      return (stdout.split("\n")[0] ?? "").trim().slice(0, 200);
    },
    async upgrade(...options) {
      const command = commands.bootcUpgrade(options);
      // What is applied at once goes away with its boot, so its time is not comparable.
      if (options.some((one) => /^--(?:check|from-downloaded|apply)$/.test(one)))
        return (await pull(command)).stdout;
      return measured("upgrade.seconds", command);
    },
    tryUpgrade: (limits) => tryPull(commands.bootcUpgrade([]), limits),
    trySwitch: (reference, limits) => tryPull(commands.bootcSwitch(reference), limits),
    switch: (reference, transport) =>
      measured("switch.seconds", commands.bootcSwitch(reference, transport)),
    beforeRollback,
    async rollback() {
      await beforeRollback();
      return (await run(commands.bootcRollback)).stdout;
    },
    async installConfiguration() {
      const { command, stdout } = await run(commands.bootcInstallConfiguration);
      return parseJson(installConfiguration, { command, guest: io.name }, stdout);
    },
  };
}
