/**
 * How the simulated guest obeys its policy for images, in the words of containers/image (`signature/policy_eval*.go`). A signature is a text
 * that says what was signed and by whom; it is found where registries.d says, as in real life.
 */
import type { Call } from "./answer.ts";
import { shippedPolicy } from "./shipped-etc.ts";
import type { Statement } from "./signatures.ts";
import type { SimulatedSystem } from "./system.ts";

interface Requirement {
  readonly type: string;
  readonly keyPath?: string;
}
interface Policy {
  readonly default: readonly Requirement[];
  readonly transports?: Readonly<Record<string, Readonly<Record<string, readonly Requirement[]>>>>;
}

type Pulled = Pick<Call, "files" | "system">;

const policyOf = ({ files }: Pulled): Policy =>
  JSON.parse(files.read("/etc/containers/policy.json") ?? shippedPolicy) as Policy;

/** Reference, repository, and everything above it; then the transport's own default. */
function scopesOf(reference: string): string[] {
  const repository = reference.replace(/:[^:/]*$/, "");
  const parts = repository.split("/");
  const above = parts.map((_, at) => parts.slice(0, parts.length - at).join("/"));
  return [reference, ...above, ""];
}

const placeOf = ({ files }: Pulled): string =>
  files.read("/etc/containers/registries.d/bootgate.yaml") ?? "";

function statementOf(pulled: Pulled, reference: string, digest: string): Statement | null {
  const { world, forwards } = pulled.system;
  const place = placePattern.exec(placeOf(pulled));
  const repository = reference.slice(reference.indexOf("/") + 1).replace(/:[^:/]*$/, "");
  const [, attachments, lookaside] = place ?? [];
  const text =
    attachments === "true"
      ? world.attachment(reference, digest, forwards)
      : world.fetch(`${lookaside}/${repository}@${digest.replace(":", "=")}/signature-1`, forwards);
  return text == null ? null : (JSON.parse(text) as Statement);
}
const placePattern = /(?:use-sigstore-attachments: (true)|lookaside: (\S+))/;

/** Why a signed image would not do, or null. */
function whyNot(pulled: Pulled, { keyPath = "" }: Requirement, reference: string, digest: string) {
  const { system, files } = pulled;
  const statement = statementOf(pulled, reference, digest);
  if (statement === null) return "A signature was required, but no signature exists";
  if (statement.key !== files.read(keyPath) && !system.is("keys-ignored"))
    return placeOf(pulled).includes("lookaside")
      ? "Invalid GPG signature: gpgme.Signature{Summary:128, Status:gpgme.Error{err:0x9}}"
      : "cryptographic signature verification failed: invalid signature when validating ASN.1 encoded signature";
  if (statement.digest !== digest && !system.is("digests-ignored"))
    return `Signature for digest ${statement.digest} does not match`;
  return system.is("signed-refused")
    ? `Signature for identity "${statement.identity}" is not accepted`
    : null;
}

/** Why the policy does not take an image of a registry, or null where it does. */
export function refusedByPolicy(pulled: Pulled, reference: string, digest: string): string | null {
  const { system } = pulled;
  if (system.is("policy-rejects"))
    return `Source image rejected: Running image docker://${reference} is rejected by policy.`;
  if (system.is("signatures-ignored")) return null;
  const policy = policyOf(pulled);
  const docker = policy.transports?.["docker"] ?? {};
  const scope = scopesOf(reference).find((one) => docker[one] !== undefined);
  const rules = scope === undefined ? policy.default : (docker[scope] ?? []);
  for (const rule of rules) {
    if (rule.type === "reject") return `Running image docker://${reference} is rejected by policy.`;
    const why =
      rule.type === "insecureAcceptAnything" ? null : whyNot(pulled, rule, reference, digest);
    if (why !== null) return why;
  }
  return null;
}

/** What an origin that asks for signatures needs (ostree-ext, `container/store.rs`), or null. */
export const refusedEnforcement = (pulled: Pulled): string | null =>
  !pulled.system.is("enforcement-forgotten") &&
  policyOf(pulled).default.some(({ type }) => type === "insecureAcceptAnything")
    ? "containers-policy.json specifies a default of `insecureAcceptAnything`; refusing usage"
    : null;

/** What a refused pull leaves behind that it should not. */
export function leaveBehind(system: SimulatedSystem, digest: string): void {
  if (system.is("refusal-drops-staged")) system.staged = null;
  if (system.is("refusal-leaves-layers"))
    for (const layer of system.layersOf(system.world.image(digest))) system.layers.add(layer);
}
