/** Options that name images, and how registries are reached, which several commands share. */
import { type Command, Option } from "commander";
import type { RegistryAccess } from "../../../images/origins/skopeo.ts";

/** What the command line says of registries, as commander gives it. */
export interface RegistryOptions {
  readonly authfile?: string;
  readonly certDir?: string;
  readonly tlsVerify?: "true" | "false";
}

/** `--candidate` and its kin. */
export function addImageOptions(command: Command): Command {
  return addRegistryOptions(
    command
      .option(
        "--candidate <image>",
        "the image under test: a catalogue name, a disk file, https://…#sha256=…, a reference at a registry, oci:DIR:TAG, oci-archive:FILE …",
      )
      .option(
        "--candidate-oci <image>",
        "the OCI image that the disk of --candidate was installed from, or that its ISO installs",
      )
      .option(
        "--previous <image>",
        "the image that users have today; derived from the candidate's OCI image where it is not named",
      )
      .option("--previous-oci <image>", "the same for the disk of --previous")
      .option("--catalogue <file>", "a catalogue of images besides the built-in one")
      .addOption(secureBootOption())
      .option(
        "--kernel-packages <dir>",
        "for the story about another kernel (dnf5/other-kernel): a folder with its RPM packages, such as kernel-core and kernel-modules",
      ),
  );
}

/** `--secure-boot-keys`. */
export const secureBootOption = (): Option =>
  new Option(
    "--secure-boot-keys <dir>",
    "for images signed by keys of one's own: the certificates PK.crt, KEK.crt and db.crt, which firmware with Secure Boot gets in place of those that machines come with",
  );

/** `--authfile`, `--cert-dir` and `--tls-verify`, as podman and skopeo have them. */
export function addRegistryOptions(command: Command): Command {
  return command
    .option("--authfile <file>", "credentials for registries, instead of podman's and docker's")
    .option("--cert-dir <dir>", "ca.crt, and client.cert and client.key, for registries")
    .addOption(
      new Option(
        "--tls-verify <bool>",
        "false: registries without TLS, or whose certificate nobody trusts",
      ).choices(["true", "false"]),
    );
}

/** The same as what reads registries takes it. */
export const accessOf = ({ authfile, certDir, tlsVerify }: RegistryOptions): RegistryAccess => ({
  ...(authfile === undefined ? {} : { authFile: authfile }),
  ...(certDir === undefined ? {} : { certDir }),
  ...(tlsVerify === "false" ? { tlsVerify: false } : {}),
});

/** The words that say the same again. */
export const registryWords = (options: RegistryOptions): [string, string | undefined][] => [
  ["--authfile", options.authfile],
  ["--cert-dir", options.certDir],
  ["--tls-verify", options.tlsVerify],
];
