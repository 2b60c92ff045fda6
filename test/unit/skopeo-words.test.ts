// What is quoted of skopeo's words: no secrets, and no more than a person reads.
import { expect, test } from "vitest";
import { explainSkopeo, wordsOf } from "../../images/origins/skopeo-faults.ts";

const fatal = (message: string): string =>
  `time="2026-11-25T20:38:56Z" level=fatal msg=${JSON.stringify(message)}\n`;
const parsing = (rest: string): string =>
  fatal(`Error parsing image name "docker://registry.example/os:v1": ${rest}`);
/** Of a credential helper that printed something and ended with exit code 1. */
const helperSaid = (out: string): string =>
  `getting username and password: 1 error occurred:\n\t* error getting credentials - err: exit status 1, out: \`${out}\`\n\n`;

const explain = (stderr: string) =>
  explainSkopeo(stderr, {
    name: "registry.example/os:v1",
    source: "registry",
    host: "registry.example",
    store: "/cache/oci",
  });

test("what is quoted has no secrets: queries of signed addresses, user names, tokens", () => {
  const said = wordsOf(
    fatal(
      'Get "https://cdn.example/blob?X-Amz-Signature=5ecret&x=1": Get https://me:5ecret@cdn.example/x: Authorization: Bearer 5ecret.a-b and Basic NWVjcmV0',
    ),
  );
  expect(said).not.toMatch(/5ecret|NWVjcmV0/);
  expect(said).toMatch(/^Get "https:\/\/cdn\.example\/blob\?…"/);
});

test.each([
  '{"ServerURL":"x","Username":"me","Secret":"5ecret"}',
  "token 5ecret has expired",
  "it said `5ecret` twice: `5ecret`",
  `${" ".repeat(20_000)}5ecret`,
  'level=warning msg="5ecret"',
])("what a credential helper printed is not quoted: %#", (out) => {
  const { error } = explain(parsing(helperSaid(out)));
  expect(error.message).not.toContain("5ecret");
  expect(error.message).toContain("exit status 1, out: `…`");
  expect(wordsOf(parsing(helperSaid(out)).slice(0, -6))).not.toContain("5ecret");
});

test("of a token server's answer the token is not quoted", () => {
  // As newer ones of containers/image word it: docker_client.go, newBearerTokenFromHTTPResponseBody.
  const said = wordsOf(
    parsing(
      `unable to retrieve auth token: decoding bearer token (last URL "https://a.example/token", body start ${JSON.stringify('{"token":"5ecret.5ecr')}): invalid character`,
    ),
  );
  expect(said).not.toContain("5ecr");
});

test("hostile words are cut and read in linear time", () => {
  const before = performance.now();
  const fault = explain(fatal("https://".repeat(200_000)));
  expect(fault.error.message.length).toBeLessThan(3000);
  explain(`level=fatal msg="${"\\".repeat(500_000)}`);
  expect(performance.now() - before).toBeLessThan(1000);
});
