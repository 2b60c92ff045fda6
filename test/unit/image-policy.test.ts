// A rule for one repository is added to whatever policy an image has, and nothing of it is weakened.
import { describe, expect, test } from "vitest";
import { ExpectationFailed } from "../../harness/base/errors.ts";
import {
  acceptsByDefault,
  knowsNoSigstore,
  namesSignature,
  parsePolicy,
  signaturePlace,
  withSignedRule,
} from "../../harness/guest/tools/image-policy.ts";

const path = "/etc/containers/policy.json";
const scope = "10.0.2.100:5000/os";
const rule = { scope, scheme: "sigstore", keyPath: "/key", rejectsByDefault: false } as const;
/** As Fedora's and as Universal Blue's: anything, and anything but what the project signs. */
const fedora =
  '{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker-daemon":{"":[{"type":"insecureAcceptAnything"}]}}}';
const ublue = `{"default":[{"type":"reject"}],"transports":{"docker":{
  "ghcr.io/ublue-os":[{"type":"sigstoreSigned","keyPath":"/etc/pki/containers/ublue-os.pub","signedIdentity":{"type":"matchRepository"}}],
  "":[{"type":"insecureAcceptAnything"}]}}}`;

describe("a rule more", () => {
  test.each([fedora, ublue])("all that the image has stays", (text) => {
    const own = parsePolicy(text, path);
    const { transports, ...rest } = withSignedRule(own, rule);
    const { [scope]: added, ...docker } = transports["docker"] ?? {};
    expect(added).toEqual([
      { type: "sigstoreSigned", keyPath: "/key", signedIdentity: { type: "matchRepository" } },
    ]);
    expect({ ...rest, transports: { ...transports, docker } }).toEqual({
      ...own,
      transports: { ...own.transports, docker: own.transports["docker"] ?? {} },
    });
  });

  test("simple signing names the kind of its keys", () => {
    const { transports } = withSignedRule(parsePolicy(fedora, path), { ...rule, scheme: "simple" });
    expect(transports["docker"]?.[scope]).toEqual([
      {
        ...{ type: "signedBy", keyType: "GPGKeys", keyPath: "/key" },
        signedIdentity: { type: "matchRepository" },
      },
    ]);
  });

  test("what no rule names is refused where that is asked for", () => {
    const strict = withSignedRule(parsePolicy(fedora, path), { ...rule, rejectsByDefault: true });
    expect([acceptsByDefault(parsePolicy(fedora, path)), acceptsByDefault(strict)]).toEqual([
      true,
      false,
    ]);
    expect(strict.default).toEqual([{ type: "reject" }]);
  });
});

test.each([
  ["not JSON", "{}\0\0", /not a policy[\s\S]*JSON/],
  ["no default", "{}", /default/],
  ["a rule without a kind", '{"default":[{}]}', /type/],
])("what is not a policy is the image's failure: %s", (_what, text, words) => {
  const read = (): unknown => parsePolicy(text, path);
  expect(read).toThrow(ExpectationFailed);
  expect(read).toThrow(words);
});

test("registries.d says where signatures are", () => {
  expect(signaturePlace(scope, null)).toBe(
    `docker:\n  ${scope}:\n    use-sigstore-attachments: true\n`,
  );
  expect(signaturePlace(scope, "http://10.0.2.100:8080/sigstore")).toContain(
    "    lookaside: http://10.0.2.100:8080/sigstore\n",
  );
});

// The words of skopeo 1.22.0 and 1.9.3 of Debian, seen on 28 November 2026, and containers/image's `policy_eval_simple.go` and `policy_config.go`.
test.each([
  ["A signature was required, but no signature exists", true, false],
  [
    "cryptographic signature verification failed: invalid signature when validating ASN.1 encoded signature",
    ...([true, false] as const),
  ],
  ['Invalid GPG signature: gpgme.Signature{Summary:128, Fingerprint:"773D"}', true, false],
  ["Signature for digest sha256:24ec does not match", true, false],
  ["Running image docker://10.0.2.100:5000/os:stable is rejected by policy.", true, false],
  ["Debian-local change: sigstore disabled", false, true],
  ['Unknown policy requirement type "sigstoreSigned"', false, true],
  ["pinging container registry 10.0.2.100:5000: connect: connection refused", false, false],
])("'%s' is a word about signatures: %s", (said, isRefusal, isUnknown) => {
  expect([namesSignature.test(said), knowsNoSigstore.test(said)]).toEqual([isRefusal, isUnknown]);
});
