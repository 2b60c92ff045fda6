/** Pulls the image that is its first argument from a registry without TLS into the cache of its second; says `pulled` and its digest, and then stays. */
import { openOci } from "../../../images/origins/open-oci.ts";
import { parseReference } from "../../../images/origins/reference.ts";

const [name = "", cacheDir = ""] = process.argv.slice(2);
const { facts } = await openOci({ kind: "registry", reference: parseReference(name) }, name, {
  cacheDir,
  cwd: process.cwd(),
  signal: new AbortController().signal,
  onProgress: (line) => process.stdout.write(`${line}\n`),
  access: { tlsVerify: false },
  architecture: "x86_64",
});
process.stdout.write(`pulled ${facts.digest}\n`);
setInterval(() => undefined, 60_000);
