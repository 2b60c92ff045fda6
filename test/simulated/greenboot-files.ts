/** What an image of the simulated world has of greenboot: its program, its configuration and the units of its dialect. */
import type { SimulatedGreenboot } from "./world-options.ts";

/** Below /etc, and below /usr by path. */
interface ShippedFiles {
  readonly etc: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
}

export const maxAttempts = 3;

export const greenbootFiles = (dialect: SimulatedGreenboot | null): ShippedFiles =>
  dialect === null
    ? { etc: {}, files: {} }
    : {
        etc: {
          "greenboot/greenboot.conf": `# Attempts\nGREENBOOT_MAX_BOOT_ATTEMPTS=${maxAttempts}\n`,
        },
        files: {
          "/usr/libexec/greenboot/greenboot":
            dialect === "bash" ? "#!/bin/bash\n" : "\x7fELF of a program\n",
        },
      };

/** What of its units is there. `arming` is the one that prepares the way back. */
export const greenbootUnits = {
  bash: {
    arming: "greenboot-grub2-set-counter.service",
    others: [
      "greenboot-healthcheck.service",
      "greenboot-grub2-set-success.service",
      "redboot-auto-reboot.service",
      "greenboot-rpm-ostree-grub2-check-fallback.service",
    ],
  },
  rust: {
    arming: "greenboot-set-rollback-trigger.service",
    others: ["greenboot-healthcheck.service"],
  },
} as const satisfies Record<
  SimulatedGreenboot,
  { readonly arming: string; readonly others: readonly string[] }
>;
