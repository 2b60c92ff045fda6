// What an address may give away, in every place that a person or a machine reads.
import { expect, test } from "vitest";
import {
  ExpectationFailed,
  quoting,
  reportError,
  retell,
  UsageError,
} from "../../harness/base/errors.ts";
import { maskSecrets, Secret } from "../../harness/base/secrets.ts";
import { labelOf } from "../../harness/cli/wiring/matrix-file.ts";
import { processorMs } from "./support/processor-time.ts";

test.each([
  ["https://host/os.qcow2?X-Sig=5ecret&x=1", "https://host/os.qcow2?…"],
  ["https://host/os.qcow2?sig=5ecret#sha256=ab", "https://host/os.qcow2?…#sha256=ab"],
  ["https://me:5ecret@host:8443/os.qcow2", "https://…@host:8443/os.qcow2"],
  ["https://me:5ecret@@host/a", "https://…@host/a"],
  ["docker://me:5ecret@host/os:v1", "docker://…@host/os:v1"],
  ["me:5ecret@host/os:v1", "…@host/os:v1"],
  ["--candidate=me:5ecret@host/os:v1", "--candidate=…@host/os:v1"],
  ["--candidate=https://host/a?5ecret", "--candidate=https://host/a?…"],
  [`Get "https://host/a?5ecret": https://u:5ecret@host`, `Get "https://host/a?…": https://…@host`],
  [
    "error getting credentials - err: exit status 1, out: `5ecret`\n\n  to do      log in",
    "error getting credentials - err: exit status 1, out: `…`\n\n  to do      log in",
  ],
  [
    "error storing credentials - err: x, out: `a `5ecret`",
    "error storing credentials - err: x, out: `…`",
  ],
  [
    "error getting credentials - err: x, out: `5ecret",
    "error getting credentials - err: x, out: `…`",
  ],
  [`{"auths":{"host":{"auth": "5ecret"}}}`, `{"auths":{"host":{"auth": "…"}}}`],
  [
    String.raw`msg="{\"Username\":\"me\",\"Secret\":\"5ecret\"}"`,
    String.raw`msg="{\"Username\":\"me\",\"Secret\":\"…\"}"`,
  ],
  [String.raw`{"Secret":"5ecr\"5ecret"}`, `{"Secret":"…"}`],
  [String.raw`"{\"Secret\":\"5ecr\\\"5ecret\"}"`, String.raw`"{\"Secret\":\"…\"}"`],
  [`{"identitytoken":"5ecr`, `{"identitytoken":"…`],
  // Nothing of these is a secret.
  ["docker://host/os:v1@sha256:ab", "docker://host/os:v1@sha256:ab"],
  ["localhost:5000/os:v1@sha256:ab", "localhost:5000/os:v1@sha256:ab"],
  ["reference:v2@sha256:ab", "reference:v2@sha256:ab"],
  ["docker://NAME@sha256:ab", "docker://NAME@sha256:ab"],
  ["docker://me:5ecret@host@sha256:ab", "docker://…@host@sha256:ab"],
  ["boot/health@qemu-x86_64-uefi+mine", "boot/health@qemu-x86_64-uefi+mine"],
  ["root@host: is it up?", "root@host: is it up?"],
  ["Is it there? See https://host/a", "Is it there? See https://host/a"],
  [
    "[overlay@/var/lib/containers/storage]quay.io/x:1",
    "[overlay@/var/lib/containers/storage]quay.io/x:1",
  ],
])("%s", (text, masked) => {
  expect(maskSecrets(text)).toBe(masked);
  expect(maskSecrets(masked)).toBe(masked);
});

test("an error never tells one, in none of its parts", () => {
  const url = "https://me:5ecret@host/a?5ecret";
  const errors = [
    new UsageError(`'${url}' is odd.`, { details: { got: url }, lookAt: url }),
    new ExpectationFailed(quoting`The guest said ${url}.`),
  ];
  for (const error of errors)
    expect(
      JSON.stringify([error.message, error.headline, error.ownWords, error.details]),
    ).not.toMatch(/5ecret/);
});

test("neither does one that is not ours, nor one that is told again", () => {
  const url = "https://me:5ecret@host/a?5ecret";
  expect(JSON.stringify(reportError(new TypeError(`fetch ${url} failed`)))).not.toMatch(/5ecret/);
  expect(JSON.stringify(reportError(`fetch ${url} failed`))).not.toMatch(/5ecret/);
  const told = retell(new UsageError("It is odd."), { headline: url, details: { got: url } });
  expect(JSON.stringify([told.message, told.headline, told.details])).not.toMatch(/5ecret/);
});

test("the label of an image is made of what may be seen of its name", () => {
  expect(labelOf("https://me:5ecret@host/os.qcow2?sig=5ecret")).toBe("https-host-os.qcow2");
});

test("a long text is masked in linear time", () => {
  const took = processorMs(() => {
    for (const part of ["https://", "a:b@", "://?", "@/", "a:"]) maskSecrets(part.repeat(200_000));
    for (const part of ["credentials - err: ", ", out: `", '"auth":', '"auth":"\\'])
      maskSecrets(`credentials - err: ${part.repeat(100_000)}`);
    for (const part of ["!", "a", "a!", ":"]) {
      maskSecrets(`${part.repeat(200_000)}@`);
      maskSecrets(`${part.repeat(200_000)}:b@host/os`);
    }
  });
  expect(took).toBeLessThan(1000);
});

test("a secret of this process is masked wherever it stands, and prints as nothing itself", () => {
  const secret = new Secret("correct horse");
  expect(maskSecrets("luksFormat: 'correct horse' (https://a:b@host)")).toBe(
    "luksFormat: '…' (https://…@host)",
  );
  expect([`${secret}`, JSON.stringify({ secret }), secret.reveal()]).toEqual([
    ...["…", '{"secret":"…"}', "correct horse"],
  ]);
  expect(new UsageError("It is correct horse.").message).toBe("It is ….");
  expect(() => new Secret("a")).toThrow(/8 characters/);
});
