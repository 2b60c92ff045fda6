/**
 * A guest that takes what the run's registry serves only as somebody signed it. The rule is put into its /etc by the harness, beside what the
 * image has there, and for one repository alone; that it cannot be put there is nobody's failure. Whether bootc obeys it is the image's.
 */
import type { Deviation } from "../base/deviations.ts";
import { deviation } from "../base/deviations.ts";
import { CannotTell, ExpectationFailed } from "../base/errors.ts";
import { type CommandResult, pullLimits } from "../guest/command.ts";
import { commands } from "../guest/commands.ts";
import { excerptEnd } from "../guest/excerpt.ts";
import type { Guest } from "../guest/guest.ts";
import {
  acceptsByDefault,
  type ImagePolicy,
  knowsNoSigstore,
  namesSignature,
  parsePolicy,
  policyPaths,
  signaturePlace,
  withSignedRule,
} from "../guest/tools/image-policy.ts";
import { storeOf } from "../guest/tools/store.ts";
import { expectEqual, expectThat } from "./expect.ts";
import { prepareGuest } from "./prepare-guest.ts";
import type { Signer } from "./signer.ts";
import { StorySkipped } from "./story-skipped.ts";

const [policyPath] = policyPaths;
const placePath = "/etc/containers/registries.d/bootgate.yaml";
const keyPath = "/etc/pki/containers/bootgate.pub";
const prepared = "told whose signatures it takes";

/** How bootc is asked: for an upgrade, or for a switch to a reference that its policy has to hold for. */
export type SignedPull = "upgrade" | { readonly enforced: string };

/** What a guest takes and refuses from now on. */
export interface SignedImages {
  /** True where the image's own policy takes what no rule names. */
  readonly acceptsByDefault: boolean;
  /** Another signer in the place of the one before. Told again after a reboot, it also holds where /etc is in memory. */
  trust(signer: Signer): Promise<void>;
  /** Has what no rule names refused, or judged by the image's own default again. */
  rejectByDefault(rejects: boolean): Promise<void>;
  /** Pulls, and sees that it is not refused. Throws ExpectationFailed. */
  expectTaken(pull?: SignedPull): Promise<void>;
  /**
   * Pulls, and sees that it is refused in words that name the reason, and that nothing came into the store. The words go into every report.
   * `why` ends the sentence "bootc refuses an image …". Throws ExpectationFailed.
   */
  expectRefused(why: string, pull?: SignedPull, words?: RegExp): Promise<void>;
}

interface SignedOptions {
  /** What the rule is for; its tag does not count. */
  readonly reference: string;
  readonly signer: Signer;
  readonly onDeviation: (told: Deviation) => void;
}

/** Puts the rule there. Throws StorySkipped where the guest cannot have one, CannotTell where that fails. */
export async function requireSigned(
  guest: Guest,
  note: (text: string) => void,
  { reference, signer, onDeviation }: SignedOptions,
): Promise<SignedImages> {
  const scope = reference.replace(/(?:@|:(?=[^/]*$)).*$/, "");
  await skipUnlessWritable(guest);
  const shipped = await readPolicy(guest);
  let rejectsByDefault = false;
  let current = signer;
  const put = (): Promise<void> => {
    const scheme = current.lookaside === null ? "sigstore" : "simple";
    const rule = { scope, scheme, keyPath, rejectsByDefault } as const;
    return putFiles(guest, {
      [keyPath]: current.publicKey,
      [placePath]: signaturePlace(scope, current.lookaside),
      [policyPath]: `${JSON.stringify(withSignedRule(shipped, rule), null, 2)}\n`,
    });
  };
  await put();
  onDeviation(deviation("signature-policy", scope));
  return {
    acceptsByDefault: acceptsByDefault(shipped),
    async trust(other) {
      current = other;
      await put();
    },
    async rejectByDefault(rejects) {
      rejectsByDefault = rejects;
      await put();
      if (rejects) onDeviation(deviation("signature-default"));
    },
    expectTaken: (pull) => expectTaken(guest, pull),
    async expectRefused(why, pull, words) {
      note(`bootc refuses an image ${why}: ${await expectRefused(guest, why, { pull, words })}`);
    },
  };
}

async function skipUnlessWritable(guest: Guest): Promise<void> {
  const { exitCode } = await guest.exec(commands.canWrite("/etc"));
  if (exitCode !== 0)
    throw new StorySkipped(
      "The image's /etc cannot be written, so that nobody can tell it whose signatures it takes.",
    );
}

/** The image's own: that of /etc goes before that of /usr. */
async function readPolicy(guest: Guest): Promise<ImagePolicy> {
  for (const path of policyPaths) {
    const text = await guest.files.read(path);
    if (text !== null) return parsePolicy(text, path);
  }
  throw new StorySkipped(
    "The image does not have a policy for images (containers-policy.json(5)).",
  );
}

async function putFiles(guest: Guest, files: Readonly<Record<string, string>>): Promise<void> {
  const paths = Object.keys(files);
  const folders = paths.map((path) => path.slice(0, path.lastIndexOf("/")));
  await prepareGuest(guest, prepared, commands.makeFolders(folders));
  for (const [path, content] of Object.entries(files)) {
    // What is a link into /usr could not be written.
    await prepareGuest(guest, prepared, commands.removeFile(path));
    await prepareGuest(guest, prepared, commands.writeFile(path), { input: content });
  }
  await prepareGuest(guest, prepared, commands.letAllRead(paths));
}

const pullNow = async (guest: Guest, pull: SignedPull = "upgrade"): Promise<CommandResult> => {
  const command =
    pull === "upgrade" ? commands.bootcUpgrade([]) : commands.bootcSwitchEnforced(pull.enforced);
  const result = await guest.exec(command, pullLimits(guest));
  if (result.exitCode !== 0 && knowsNoSigstore.test(result.stderr))
    throw new StorySkipped(
      `The image's containers library does not know signatures of sigstore: ${excerptEnd(result.stderr, 300)}`,
    );
  return result;
};

async function expectTaken(guest: Guest, pull?: SignedPull): Promise<void> {
  const { command, exitCode, stderr } = await pullNow(guest, pull);
  if (exitCode === 0) return;
  const said = excerptEnd(stderr, 1000);
  throw new ExpectationFailed(
    namesSignature.test(stderr)
      ? "An image was refused that is signed as the policy demands."
      : "An image was not taken that is signed as the policy demands.",
    { details: { command, said }, lookAt: guest.lookAt },
  );
}

async function expectRefused(
  guest: Guest,
  why: string,
  { pull, words = namesSignature }: { pull?: SignedPull | undefined; words?: RegExp | undefined },
): Promise<string> {
  const before = await storeOf(guest);
  const { command, exitCode, stderr } = await pullNow(guest, pull);
  const said = excerptEnd(stderr, 1000);
  expectThat(exitCode !== 0, `An image was taken ${why}.`, { command, said });
  if (exitCode === null)
    throw new CannotTell(`'${command}' did not end by itself.`, { lookAt: guest.lookAt });
  expectThat(words.test(stderr), `An image ${why} was refused, and not for that.`, { said });
  expectEqual("What the store has after a refused pull", await storeOf(guest), before);
  return said;
}
