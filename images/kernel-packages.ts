/**
 * RPM packages of another kernel than an image has: a folder that somebody names, for the story that puts them into an image. There is no
 * second kernel to be had in a closed network, and which one an image can have is its maker's knowledge.
 */
import { open, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf, UsageError } from "../harness/base/errors.ts";
import { hashFile } from "../harness/base/hash-file.ts";
import type { Digest } from "../harness/base/units.ts";

/** Fedora's kernel is of five to seven packages, and lies in a helper machine's root with all that it brings. */
const mostPackages = 40;

/** What an RPM file begins with (rpm, `lib/rpmlead.c`). */
const lead = Buffer.from([0xed, 0xab, 0xee, 0xdb]);

/** The folder that somebody named, from `directory`, as what has it takes it. Throws as `listKernelPackages` does. */
export async function namedKernelPackages(
  directory: string,
  folder: string | undefined,
): Promise<{ readonly kernelPackages?: string }> {
  if (folder === undefined) return {};
  const kernelPackages = resolve(directory, folder);
  await listKernelPackages(kernelPackages);
  return { kernelPackages };
}

/** The names of the packages in it, sorted. Throws UsageError for a folder without any, or with something that is not one. */
export async function listKernelPackages(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new UsageError(`The folder '${folder}' cannot be read.`, {
      cause,
      details: { why: messageOf(cause), expected: "a folder with the RPM packages of a kernel" },
    });
  });
  const packages = names.filter((name) => name.endsWith(".rpm")).sort();
  if (packages.length === 0 || packages.length > mostPackages)
    throw new UsageError(
      `The folder '${folder}' does not have the RPM packages of one kernel: it has ${packages.length} files that end in .rpm.`,
      { details: { expected: "such as kernel-core, kernel-modules-core and kernel-modules" } },
    );
  for (const name of packages) await requirePackage(join(folder, name));
  return packages;
}

async function requirePackage(path: string): Promise<void> {
  const bytes = Buffer.alloc(lead.length);
  try {
    await using file = await open(path, "r");
    await file.read(bytes, 0, bytes.length, 0);
  } catch (cause) {
    throw notOne(path, messageOf(cause));
  }
  if (!bytes.equals(lead)) throw notOne(path, "it does not begin as one");
}

const notOne = (path: string, why: string): UsageError =>
  new UsageError(`The file '${path}' is not an RPM package.`, { details: { why } });

/** Names and digests of the packages: what an image that has them is known by. Throws as `listKernelPackages` does. */
export async function digestsOfKernelPackages(
  folder: string,
  signal: AbortSignal,
): Promise<readonly (readonly [name: string, digest: Digest])[]> {
  const digests: [string, Digest][] = [];
  for (const name of await listKernelPackages(folder))
    digests.push([name, await hashFile(join(folder, name), signal)]);
  return digests;
}
