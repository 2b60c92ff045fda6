/**
 * bootc as scenarios see it. The schema follows `docs/src/host-v1.schema.json` of bootc-dev/bootc: unknown keys are
 * ignored and keys that older versions lack are defaulted, since upstream's types are open-ended. What upstream requires
 * is required here, so that a status that breaks its own schema is found.
 */
import { z } from "zod";
import { commands } from "../commands.ts";
import { type GuestIo, mustExec, readJson } from "../guest-io.ts";

export interface BootcCommands {
  status(): Promise<BootcHost>;
  /** First line of `bootc --version`. */
  version(): Promise<string>;
  /** `bootc upgrade`; throws CommandFailed unless it exits 0. Returns what it printed. */
  upgrade(
    ...options: readonly ("--check" | "--download-only" | "--from-downloaded")[]
  ): Promise<string>;
  switch(reference: string): Promise<string>;
  rollback(): Promise<string>;
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
  /** OCI's word, `amd64` and not `x86_64`. */
  architecture: z.string(),
});

const bootEntry = z.object({
  image: orNull(imageStatus),
  /** What `upgrade --check` last found. */
  cachedUpdate: orNull(imageStatus),
  /** True where local rpm-ostree changes are in the way; `image` is null then. */
  incompatible: z.boolean(),
  pinned: z.boolean(),
  /** Since 1.7. */
  softRebootCapable: z.boolean().default(false),
  /** Since 1.12. */
  downloadOnly: z.boolean().default(false),
  store: orNull(z.string()),
  ostree: orNull(
    z.object({ checksum: z.string(), deploySerial: z.number().int(), stateroot: z.string() }),
  ),
  /** Only with the composefs backend; null on ostree that uses composefs. */
  composefs: orNull(
    z.object({ verity: z.string(), bootType: z.string(), bootloader: z.string().default("") }),
  ),
});

/** `bootc status --format=json`. */
export const bootcHost = z.object({
  apiVersion: z.string(),
  kind: z.literal("BootcHost"),
  metadata: z.object({ name: z.string() }).default({ name: "host" }),
  spec: z.object({
    image: orNull(imageReference),
    bootOrder: z.string().default("default"),
  }),
  status: z.object({
    staged: orNull(bootEntry),
    booted: orNull(bootEntry),
    rollback: orNull(bootEntry),
    otherDeployments: z.array(bootEntry).default([]),
    rollbackQueued: z.boolean().default(false),
    /** `bootcHost` when booted from a container image. */
    type: orNull(z.string()),
    usrOverlay: orNull(z.object({ accessMode: z.string(), persistence: z.string() })),
    /** Since 1.16.7: the physical root is on a read-only medium. */
    readOnly: z.boolean().default(false),
  }),
});

export type BootcHost = z.output<typeof bootcHost>;
export type BootcEntry = NonNullable<BootcHost["status"]["booted"]>;

/** A pull may be hundreds of megabytes; with hardware acceleration. */
const pullTimeoutMs = 300_000;

/** What bootc prints when it has staged something (bootc-dev/bootc, `crates/lib/src/deploy.rs`). Good for a measure; claims read the status. */
const queued = /^Queued for next boot:/m;

/** bootc in this guest. Exit codes: 0 success, 1 error, 2 usage; there is none for "no update", so compare the status. */
export function createBootc(
  io: GuestIo,
  onMeasure?: (name: string, value: number) => void,
): BootcCommands {
  const pull = async (measure: string, command: string): Promise<string> => {
    const { stdout, durationMs } = await mustExec(io, command, {
      timeoutMs: pullTimeoutMs * io.timeScale,
    });
    // A look that found nothing new would make an upgrade seem quick.
    if (queued.test(stdout)) onMeasure?.(measure, durationMs / 1000);
    return stdout;
  };
  return {
    status: () => readJson(io, bootcHost, commands.bootcStatus),
    async version() {
      const { stdout } = await mustExec(io, commands.bootcVersion);
      return (stdout.split("\n")[0] ?? "").trim().slice(0, 200);
    },
    upgrade: (...options) => pull("upgrade.seconds", commands.bootcUpgrade(options)),
    switch: (reference) => pull("switch.seconds", commands.bootcSwitch(reference)),
    rollback: async () => (await mustExec(io, commands.bootcRollback)).stdout,
  };
}
