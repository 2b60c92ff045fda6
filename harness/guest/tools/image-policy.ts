/**
 * The policy by which a system takes images (containers-policy.json(5)): how it is read, and how a rule for one repository is added. A rule
 * for a repository goes before those for its registry and before the default, and all others stay as the image has them. Pure.
 */
import { z } from "zod";
import { ExpectationFailed } from "../../base/errors.ts";

/** In the order in which containers/image looks for them; the second came in 2026 (podman-container-tools/container-libs#711). */
export const policyPaths = [
  "/etc/containers/policy.json",
  "/usr/share/containers/policy.json",
] as const;

const requirements = z.array(z.looseObject({ type: z.string() }));
const imagePolicy = z.looseObject({
  default: requirements,
  transports: z.record(z.string(), z.record(z.string(), requirements)).default({}),
});
export type ImagePolicy = z.output<typeof imagePolicy>;

/** Reads a policy. Throws ExpectationFailed for one that containers/image could not read either. */
export function parsePolicy(text: string, path: string): ImagePolicy {
  const refuse = (reason: string): never => {
    throw new ExpectationFailed(`The system's '${path}' is not a policy for images.`, {
      details: { reason: reason.slice(0, 500), see: "containers-policy.json(5)" },
    });
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse((error as SyntaxError).message);
  }
  const { data, error } = imagePolicy.safeParse(value);
  return data ?? refuse(z.prettifyError(error));
}

/** Whether what no rule names is taken unseen: bootc enforces no signatures then (ostree-ext, `container_policy_is_default_insecure`). */
export const acceptsByDefault = ({ default: rules }: ImagePolicy): boolean =>
  rules.some(({ type }) => type === "insecureAcceptAnything");

export interface SignedRule {
  /** Host, port and repository. */
  readonly scope: string;
  readonly scheme: "sigstore" | "simple";
  /** Where the public key lies in the system. */
  readonly keyPath: string;
  /** What nobody has a rule for is refused. */
  readonly rejectsByDefault: boolean;
}

/** The policy with a rule more. The identity is compared without its tag, since cosign signs none. */
export function withSignedRule(policy: ImagePolicy, rule: SignedRule): ImagePolicy {
  const { scope, scheme, keyPath, rejectsByDefault } = rule;
  const kind =
    scheme === "sigstore" ? { type: "sigstoreSigned" } : { type: "signedBy", keyType: "GPGKeys" };
  const required = { ...kind, keyPath, signedIdentity: { type: "matchRepository" } };
  const docker = { ...policy.transports["docker"], [scope]: [required] };
  return {
    ...policy,
    ...(rejectsByDefault ? { default: [{ type: "reject" }] } : {}),
    transports: { ...policy.transports, docker },
  };
}

/** A file of registries.d that says where the signatures of a repository are (containers-registries.d(5)). */
export const signaturePlace = (scope: string, lookaside: string | null): string =>
  [
    "docker:",
    `  ${scope}:`,
    lookaside === null ? "    use-sigstore-attachments: true" : `    lookaside: ${lookaside}`,
    "",
  ].join("\n");

/** What a pull says that a signature or a policy stood in the way of (containers/image, `signature/policy_eval*.go`). */
export const namesSignature = /signature|rejected by policy/i;

/** A library that knows no sigstore: an older one, or one built without, as Debian 12's (seen with skopeo 1.9.3). */
export const knowsNoSigstore = /Unknown policy requirement type|sigstore disabled/i;
