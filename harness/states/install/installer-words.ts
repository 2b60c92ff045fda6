/**
 * Why an installation failed and whose fault that is, from what the installer said. Nobody is blamed for words that do not
 * prove it. Pure.
 */
import { excerptEnd } from "../../guest/excerpt.ts";
import { blameOfInstaller } from "../build/install-words.ts";

/** `kickstart`: the fault of its author. */
export type InstallerBlame = "image" | "host" | "kickstart" | "unknown";

export interface InstallerJudgement {
  readonly blame: InstallerBlame;
  /** One clause for people. */
  readonly why: string;
  readonly todo?: string;
  /** The line to quote first. */
  readonly line: string;
}

interface Rule {
  readonly pattern: RegExp;
  readonly blame: InstallerBlame;
  readonly why: string;
  readonly todo?: string;
}

const largerDisk = "give it a larger one by --disk-size";

/** The first that fits wins, so what says more goes first. */
const rules: readonly Rule[] = [
  {
    // pykickstart, parser.py: what comes below "The following problem occurred on line …".
    pattern: /^Unknown command: bootc\b/,
    blame: "kickstart",
    why: "the installer does not know the kickstart command bootc, which Anaconda has from 44.3 on",
    todo: "say --kickstart-command ostreecontainer, or take an installer of Fedora 44 or later",
  },
  {
    // pykickstart, errors.py.
    pattern: /(?:problem occurred on|problem reading from) line \d+ of the kickstart file/,
    blame: "kickstart",
    why: "the installer does not accept its kickstart",
  },
  {
    pattern: /Kickstart (?:file )?is missing/i,
    blame: "kickstart",
    why: "the kickstart leaves something open that the installer has to know",
  },
  {
    // pyanaconda, storage/partitioning/custom and storage/checker.py.
    pattern:
      /The "[^"]{1,40}" file system type is not supported|LUKS device \S+ has no encryption key/,
    blame: "kickstart",
    why: "the kickstart asks for storage that the installer cannot make",
  },
  {
    // blivet, partitioning.py: NotEnoughFreeSpaceError and PartitioningError.
    pattern:
      /not enough (?:free )?space (?:on|for)|Unable to allocate requested partition scheme|Failed to find a suitable (?:stage1|boot) device/i,
    blame: "host",
    why: "the disk is too small for what the kickstart asks for",
    todo: largerDisk,
  },
  {
    // The second are the words of bootc and ostree, before they write (ostree, src/libostree/ostree-repo.c).
    pattern: /No space left on device|Insufficient free space|min-free-space-percent/,
    blame: "host",
    why: "the disk that it was given is full, or the kickstart's root file system is",
    todo: largerDisk,
  },
  {
    // What its storage lacks (pyanaconda, storage/checker.py), then what it would have asked a person (ui/tui/hubs/summary.py).
    pattern: /Found sanity error: |mandatory spokes are not completed/,
    blame: "kickstart",
    why: "the kickstart leaves something open that the installer has to know",
  },
  {
    // bootc and ostree-ext, where a signature is asked for and no policy could refuse one.
    pattern: /insecureAcceptAnything`?; refusing usage/,
    blame: "kickstart",
    why: "the kickstart asks for a signature, and the installer's policy accepts everything",
    todo: "say --no-signature-verification in the kickstart, or give the installer a policy",
  },
  {
    pattern: /Out of memory: Killed process|Cannot allocate memory/i,
    blame: "host",
    why: "the machine ran out of memory",
    todo: "give it more by --build-memory",
  },
  {
    pattern: /problem with your hardware/,
    blame: "host",
    why: "the installer takes the machine for broken",
  },
  {
    // containers/image, signature/policy_eval_signedby.go and policy_eval_sigstore.go, mechanism_gpgme.go and
    // internal/sigstore_payload.go: none there, by another key, for another name or other bytes. The proxy by which bootc
    // reads says them without "Source image rejected" (skopeo, cmd/skopeo/proxy.go).
    pattern:
      /A signature was required, but no signature exists|Signature (?:by key|for identity|for digest) \S{1,500} (?:is not accepted|does not match)|None of the signatures were accepted|Invalid GPG signature|cryptographic signature verification failed/i,
    blame: "image",
    why: "the installer's own policy does not accept the signature of what it installs",
  },
  {
    // Templates of choose-mirror and net-retriever (debian-installer).
    pattern:
      /failed to download a file from the mirror|Bad archive mirror|No kernel modules were found/,
    blame: "unknown",
    why: "what it installs could not be reached, or its mirror is not consistent",
    todo: "use --network open, and look whether the mirror's files fit each other",
  },
  {
    // Templates of ethdetect and disk-detect.
    pattern: /No (?:Ethernet card|network interfaces?|disk drive) (?:was|were)? ?detected/,
    blame: "unknown",
    why: "it did not find the hardware of its machine",
  },
  {
    pattern: /^Prompt: '\?' for help/,
    blame: "kickstart",
    why: "it asks something that its preseed does not answer",
  },
  {
    pattern:
      /Could not resolve host|Network is unreachable|Connection refused|no route to host|i\/o timeout|dial tcp|No such file or directory.*(?:index\.json|oci-layout)/i,
    blame: "unknown",
    why: "what it installs could not be reached",
    todo: "use --network open where the payload is at a registry, or a medium that carries it",
  },
  {
    // The first in a dialogue; without one the number of its line alone (pyanaconda, errors.py and modules/runtime/scripts).
    pattern:
      /error running the kickstart script at line \d+|Non interactive installation failed: \d+$/,
    blame: "kickstart",
    why: "a script of the kickstart failed",
  },
  // What a registry answers, in the words of containers/image, is never the fault of what it holds.
  {
    pattern: /server gave HTTP response to HTTPS client/,
    blame: "kickstart",
    why: "the registry does not have TLS, and the installer was not told to do without",
    todo: "have a %pre script of the kickstart write a drop-in with 'insecure = true' into /etc/containers/registries.conf.d",
  },
  {
    pattern: /manifest unknown|name unknown|repository name not known|\b404 \(?Not Found/i,
    blame: "unknown",
    why: "the registry does not have what the kickstart names",
    todo: "see whether the kickstart names it as the registry does, and whether it is still there",
  },
  {
    pattern:
      /\bunauthorized\b|authentication required|access to the resource is denied|\b40[13] \(?(?:Unauthorized|Forbidden)/i,
    blame: "unknown",
    why: "the registry does not give it to the installer, which has no credentials of this host's",
    todo: "let the kickstart bring credentials, or name the image by --candidate-oci and say --payload registry",
  },
  {
    pattern:
      /toomanyrequests|\b429 \(?Too Many|HTTP status(?: code)?:? 5\d\d|\b50[0234] \(?(?:Internal|Bad Gateway|Service|Gateway)/i,
    blame: "unknown",
    why: "the registry had trouble of its own",
  },
  {
    pattern: /connection reset by peer|unexpected EOF|broken pipe|stream error|Client\.Timeout/,
    blame: "unknown",
    why: "what it read ended too early: the connection was lost, or what is there is cut off",
  },
  {
    pattern: /pinging (?:container|docker) registry/,
    blame: "unknown",
    why: "the registry did not answer as one",
  },
  {
    // A key that is not there, or a policy that takes nothing from that place (containers/image, signature/policy_eval_simple.go).
    pattern: /Source image rejected|is rejected by policy/,
    blame: "unknown",
    why: "the installer's own policy rejected what it installs, for a reason that proves nothing of the image",
    todo: "look at its policy.json and the keys that it names",
  },
  {
    // Anaconda's own spelling, pyanaconda/exception.py.
    pattern: /An unknown error has occur+ed/,
    blame: "image",
    why: "the installer itself crashed",
  },
  {
    // Of which program it is nobody says; scripts and helpers of an installer have such lines, too.
    pattern: /^Traceback \(most recent call last\)/,
    blame: "unknown",
    why: "a program of the installer crashed",
  },
  {
    pattern: /dracut: FATAL|dracut-initqueue/,
    blame: "unknown",
    why: "its first stage did not find the medium or the rest of the installer",
  },
];

/** Judges the lines from the first that said that something failed. */
export function judgeInstaller(failed: readonly string[]): InstallerJudgement {
  const said = failed.join("\n");
  for (const { pattern, ...rest } of rules) {
    const index = failed.findIndex((line) => pattern.test(line));
    if (index < 0) continue;
    return { ...rest, line: asked(failed, index) ?? wholeLine(failed, index) };
  }
  const { blame, why, todo } = blameOfInstaller(said);
  const line = excerptEnd(lineOfError(failed), 400);
  return { blame, why, line, ...(todo === undefined ? {} : { todo }) };
}

/** What is said of a failure that no rule knows: an `error:` of a program, then what Anaconda says behind its own sentence. */
function lineOfError(failed: readonly string[]): string {
  const error = failed.findLast((line) => /(?:^|program: ?)error:/i.test(line));
  if (error !== undefined) return error.replace(/^.*\bprogram: ?(?=error:)/i, "");
  const before = failed.findIndex((line) => line.endsWith("exact error message is:"));
  return failed[before + 1] ?? failed[0] ?? "";
}

/** The question that a prompt is for: the last line before it that asks (Debian's text frontend). */
function asked(lines: readonly string[], index: number): string | null {
  const prompt = lines.findIndex((line) => line.startsWith("Prompt: "));
  if (prompt < 0 || index > prompt) return null;
  const question = lines.slice(0, prompt).findLast((line) => /[:?]$/.test(line));
  return question === undefined ? null : excerptEnd(question, 400);
}

/** A line that ends with a colon, or with the number of a script's line, announces the next one. In a log it is one (rsyslog). */
function wholeLine(lines: readonly string[], index: number): string {
  const line = lines[index] ?? "";
  const next = /:$|failed: \d+$/.test(line) ? (lines[index + 1] ?? "") : "";
  return excerptEnd(`${line} ${next}`.replace(/(?:#012)+/g, " ").trim(), 400);
}
