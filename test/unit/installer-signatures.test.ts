/**
 * What containers/image says of signatures (signature/policy_eval_signedby.go, policy_eval_sigstore.go, policy_eval_simple.go), with
 * and without the words in front that copying has: a signature that is wrong is the image's failure, a policy's own trouble nobody's.
 */
import { expect, test } from "vitest";
import {
  type InstallerBlame,
  judgeInstaller,
} from "../../harness/states/install/installer-words.ts";

test.each<[string, string, InstallerBlame]>([
  ["none", "A signature was required, but no signature exists", "image"],
  ["one by another key", "Signature by key 1D8230F6CDB6A067 is not accepted", "image"],
  ["one for another name", "Signature for identity quay.io/x/y:1 is not accepted", "image"],
  ["one for other bytes", `Signature for digest sha256:${"a".repeat(64)} does not match`, "image"],
  ["one that GPG refuses", "Invalid GPG signature: gpgme.Signature{Summary:128}", "image"],
  [
    "one that sigstore refuses",
    "cryptographic signature verification failed: invalid signature when validating ASN.1 encoded signature",
    "image",
  ],
  [
    "several",
    "None of the signatures were accepted, reasons: Invalid GPG signature: gpgme.Signature{}; Signature for identity quay.io/x/y:1 is not accepted",
    "image",
  ],
  [
    "those that cannot be fetched",
    "reading signatures: Get https://sig.example/x: dial tcp 192.0.2.1:443: i/o timeout",
    "unknown",
  ],
  [
    "a policy that takes nothing from there",
    "Running image docker://quay.io/x/y:1 is rejected by policy.",
    "unknown",
  ],
])("a signature policy finds %s", (_, said, blame) => {
  const stop =
    "The installation was stopped due to an error which occurred while running in non-interactive cmdline mode";
  const judged = judgeInstaller([stop, `Source image rejected: ${said}`]);
  expect(judged.blame).toBe(blame);
  expect(judged.line).toContain(said.slice(0, 40));
  // As the proxy by which bootc reads an image has them (skopeo, cmd/skopeo/proxy.go).
  expect(judgeInstaller([`error: Importing: ${said}`]).blame).toBe(blame);
});

test("a key that the policy names and nobody brought proves nothing of the image", () => {
  const said = "Source image rejected: open /etc/pki/x.pub: no such file or directory";
  expect(judgeInstaller([said])).toMatchObject({
    blame: "unknown",
    todo: expect.stringMatching(/policy\.json/),
  });
});
