// What the harness signs, held against the real registry and the host's skopeo, which verifies as a guest does.
import { createPublicKey, verify } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openFileServer } from "../../fixtures/file-server.ts";
import { createRegistryFixture, type Shelf } from "../../fixtures/registry.ts";
import { attachmentTag } from "../../fixtures/signing/sigstore.ts";
import { UsageError } from "../../harness/base/errors.ts";
import { attemptCommand } from "../../harness/base/process.ts";
import { createWorkspace } from "../../harness/base/workspace.ts";
import type { Signer } from "../../harness/engine/scenario.ts";
import { knowsNoSigstore, withSignedRule } from "../../harness/guest/tools/image-policy.ts";

const { signal } = new AbortController();
const guests = { address: "10.0.2.100", port: 5000 };

/** Pulls as a guest would whose policy asks for this signer; returns what skopeo says, empty where it takes the image. */
async function pull(shelf: Shelf, signer: Signer, lookaside: string | null): Promise<string> {
  await using workspace = await createWorkspace("pull");
  const at = (name: string): string => join(workspace.path, name);
  const scope = `127.0.0.1:${shelf.hostPort}/app`;
  const place = lookaside === null ? "use-sigstore-attachments: true" : `lookaside: ${lookaside}`;
  const scheme = lookaside === null ? "sigstore" : "simple";
  const rule = { scope, scheme, keyPath: at("key"), rejectsByDefault: true } as const;
  // Here the registry has another name than the one that guests know it by, and that is signed.
  const policy = JSON.stringify(withSignedRule({ default: [], transports: {} }, rule)).replace(
    '"matchRepository"',
    '"exactRepository","dockerRepository":"10.0.2.100:5000/app"',
  );
  await mkdir(at("registries.d"));
  await writeFile(at("registries.d/test.yaml"), `docker:\n  ${scope}:\n    ${place}\n`);
  await writeFile(at("key"), signer.publicKey);
  await writeFile(at("policy.json"), policy);
  const words = ["--policy", at("policy.json"), "--registries.d", at("registries.d"), "copy"];
  const images = [`docker://${scope}:stable`, `dir:${at("image")}`];
  const access = ["--quiet", "--src-tls-verify=false"];
  const { exitCode, stderr } = await attemptCommand("skopeo", [...words, ...access, ...images]);
  return exitCode === 0 ? "" : stderr;
}

const inRegistry = async (shelf: Shelf, name: string, accept: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${shelf.hostPort}/v2/app/${name}`, { headers: { accept } });

test("simple signing: its own key is taken, nothing else is", async () => {
  await using fixture = await createRegistryFixture({ signal });
  await using shelf = await fixture.open(guests);
  await using files = await openFileServer({ address: guests.address, signal });
  await shelf.publishSmall("app:stable", "one\n");
  await shelf.publishSmall("app:other", "another\n");
  const [signer, stranger] = [
    await shelf.signer(files.handle),
    await shelf.signer(files.handle),
  ] as const;
  expect(signer.lookaside).toBe("http://10.0.2.100:8080/sigstore");
  const lookaside = `http://127.0.0.1:${files.hostPort}/sigstore`;
  const unsigned = "A signature was required, but no signature exists";

  expect(await pull(shelf, signer, lookaside)).toContain(unsigned);
  await signer.sign("app:stable");
  expect(await pull(shelf, signer, lookaside)).toBe("");
  await stranger.sign("app:stable");
  expect(await pull(shelf, signer, lookaside)).toContain("Invalid GPG signature");
  await signer.sign("app:stable", "app:other");
  expect(await pull(shelf, signer, lookaside)).toMatch(
    /Signature for digest sha256:[0-9a-f]{64} does not match/,
  );
  await signer.unsign("app:stable");
  expect(await pull(shelf, signer, lookaside)).toContain(unsigned);
});

test("sigstore: the attachment says what was signed, and its key verifies it", async () => {
  await using fixture = await createRegistryFixture({ signal });
  await using shelf = await fixture.open(guests);
  await shelf.publishSmall("app:stable", "one\n");
  const digest = await shelf.digestOf("app:stable");
  if (digest === null) throw new Error("nothing was published");
  const signer = await shelf.signer();
  await signer.sign("app:stable");

  const type = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await inRegistry(shelf, `manifests/${attachmentTag(digest)}`, type);
  const [layer] = ((await manifest.json()) as { layers: Layer[] }).layers;
  expect(layer?.mediaType).toBe("application/vnd.dev.cosign.simplesigning.v1+json");
  const blob = await inRegistry(shelf, `blobs/${layer?.digest}`, "*/*");
  const statement = Buffer.from(await blob.arrayBuffer());
  expect(JSON.parse(statement.toString())).toEqual({
    critical: {
      identity: { "docker-reference": "10.0.2.100:5000/app" },
      image: { "docker-manifest-digest": digest },
      type: "cosign container image signature",
    },
    optional: null,
  });
  const signature = layer?.annotations["dev.cosignproject.cosign/signature"] ?? "";
  const key = createPublicKey(signer.publicKey);
  expect(verify("sha256", statement, key, Buffer.from(signature, "base64"))).toBe(true);

  await signer.unsign("app:stable");
  const gone = await inRegistry(shelf, `manifests/${attachmentTag(digest)}`, type);
  expect(gone.status).toBe(404);
  expect(await shelf.digestOf("app:stable")).toBe(digest);
  await signer.unsign("app:stable");
});

interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly annotations: Readonly<Record<string, string>>;
}

test("sigstore: a skopeo that knows it takes its own key, and nothing else", async (context) => {
  await using fixture = await createRegistryFixture({ signal });
  await using shelf = await fixture.open(guests);
  await shelf.publishSmall("app:stable", "one\n");
  await shelf.publishSmall("app:other", "another\n");
  const [signer, stranger] = [await shelf.signer(), await shelf.signer()] as const;
  await signer.sign("app:stable");
  const said = await pull(shelf, signer, null);
  if (knowsNoSigstore.test(said)) context.skip("The host's skopeo does not know sigstore.");

  expect(said).toBe("");
  await stranger.sign("app:stable");
  expect(await pull(shelf, signer, null)).toContain("signature verification failed");
  await signer.sign("app:stable", "app:other");
  expect(await pull(shelf, signer, null)).toMatch(/Signature for digest \S+ does not match/);
  await signer.unsign("app:stable");
  expect(await pull(shelf, signer, null)).toContain("no signature exists");
});

test("who signs what is not there is told so", async () => {
  await using fixture = await createRegistryFixture({ signal });
  await using shelf = await fixture.open(guests);
  const signer = await shelf.signer();
  await expect(signer.sign("app:stable")).rejects.toThrow(UsageError);
});
