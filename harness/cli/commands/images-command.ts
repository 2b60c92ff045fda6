/** `bootgate images`: what can be named, what it is, building what is built here, and the store of images from elsewhere. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Catalogue,
  type CatalogueEntry,
  groupWord,
  imageNames,
} from "../../../images/catalogue.ts";
import type { FoundImage, Image } from "../../../images/image.ts";
import { transportWords } from "../../../images/origins/image-name.ts";
import { blobPath, type OciImageFacts, readOciImage } from "../../../images/origins/oci-layout.ts";
import { ImageStore, type StoredImage } from "../../../images/origins/store.ts";
import { requireWished } from "../../../images/resolve.ts";
import { BootgateError } from "../../base/errors.ts";
import { exists } from "../../base/exists.ts";
import type { ExitCode } from "../../base/exit-code.ts";
import { requireCache } from "../../base/places.ts";
import { maskSecrets } from "../../base/secrets.ts";
import { formatBytes, shortDigest } from "../../base/units.ts";
import { cacheRoot } from "../../base/workspace.ts";
import { defuseCommands, oneLine } from "../../log/clean-text.ts";
import { tell } from "../terminal/endings.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import { imageRunWords, lastImageRun } from "../wiring/image-runs.ts";
import { imagesOfGroup } from "../wiring/matrix-file.ts";
import { findImage, type ImageOptions, loadCatalogues, peekAtImage } from "../wiring/session.ts";
import { shareCache, storeLimit } from "../wiring/store-limit.ts";

const say = (line: string): void => void process.stderr.write(`${maskSecrets(line)}\n`);
export const print = (lines: readonly string[]): void =>
  void process.stdout.write(
    defuseCommands(maskSecrets(lines.map((line) => `${line.trimEnd()}\n`).join(""))),
  );
const printJson = (data: unknown): void =>
  void process.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
const neverStopped = (): AbortSignal => new AbortController().signal;

export const openStore = async (signal: AbortSignal): Promise<ImageStore> => {
  await requireCache();
  shareCache();
  return ImageStore.open({ cacheDir: cacheRoot(), signal, onProgress: say, ...storeLimit() });
};

/** Prints all names of the catalogue, and what the store holds. */
export async function listImages(
  options: ImageOptions & { readonly json?: boolean },
): Promise<void> {
  const catalogue = await listedNames(await loadCatalogues(options));
  if (await exists(cacheRoot())) await requireCache();
  const isThere = await exists(join(cacheRoot(), "oci"));
  const stored = isThere ? await (await openStore(neverStopped())).images() : [];
  if (options.json === true) {
    printJson([...catalogue, ...(await Promise.all(stored.map(storedJson)))]);
    return;
  }
  const rows = [
    ["name", "last run here", "what it is"],
    ...catalogue.map(({ name, summary, lastRun }) => [name, imageRunWords(lastRun), summary ?? ""]),
  ];
  print(columns(rows));
  if (stored.length > 0) print(["", ...(await storeTable(stored))]);
}

/** Every name of the catalogues with what its entry says; a name that an earlier catalogue has is told once. */
async function listedNames(catalogues: readonly Catalogue[]) {
  const seen = new Set<string>();
  const names = catalogues.flatMap((one) =>
    imageNames(one).flatMap((name) => {
      const isKnown = seen.has(name);
      seen.add(name);
      const entry = one.images[name.split(":")[0] ?? ""];
      return isKnown || entry === undefined ? [] : [{ name, entry }];
    }),
  );
  return Promise.all(
    names.map(async ({ name, entry }) => {
      const {
        versions: _versions,
        streams: _streams,
        ...said
      } = { versions: [], streams: [], ...entry };
      const transport = transportOf(entry);
      const lastRun = await lastImageRun(name, cacheRoot());
      return { name, ...said, ...(transport === null ? {} : { transport }), lastRun };
    }),
  );
}

/** The transport that the reference of an entry names; `docker` is a registry (containers-transports(5)). */
function transportOf(entry: CatalogueEntry): string | null {
  if (entry.kind !== undefined && entry.kind !== "oci") return null;
  const [word = ""] = entry.reference.split(":");
  return transportWords.includes(word) ? word : "docker";
}

const bytesOf = ({ blobs }: StoredImage): number => blobs.reduce((sum, { size }) => sum + size, 0);

/** By its digest, whatever it was called. */
const runOf = ({ digest }: StoredImage) => lastImageRun(digest, cacheRoot());

const storedJson = async (image: StoredImage) => ({
  name: image.names[0] ?? image.digest,
  names: image.names,
  digest: image.digest,
  bytes: bytesOf(image),
  usedAt: new Date(image.usedAt).toISOString(),
  inUse: image.isHeld,
  lastRun: await runOf(image),
});

async function storeTable(images: readonly StoredImage[]): Promise<readonly string[]> {
  const runs = await Promise.all(images.map(runOf));
  const rows = [
    ["in the store", "last run here", "digest", "size", "last used"],
    ...images.map((image, index) => [
      oneLine(image.names[0] ?? "-", 200),
      imageRunWords(runs[index] ?? null),
      shortDigest(image.digest),
      formatBytes(bytesOf(image)),
      `${new Date(image.usedAt).toISOString().slice(0, 16).replace("T", " ")}${image.isHeld ? ", in use" : ""}`,
    ]),
  ];
  return columns(rows);
}

/** Rows as lines, each column as wide as its widest cell. */
function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
}

/** Builds the named images, or all of the reference OS. */
export async function buildImages(names: readonly string[]): Promise<ExitCode> {
  const wanted = names.length > 0 ? names : ["reference:v1", "reference:v2"];
  return resolveAndTell(wanted, {}, neverStopped());
}

/**
 * Fetches the named images, whatever they are; `catalogue:GROUP` stands for all of a group. One that cannot be had is told,
 * and the others are fetched all the same. Returns 0, 2 where a name or the access to an image is wrong, else 3.
 */
export async function pullImages(
  names: readonly string[],
  options: ImageOptions,
): Promise<ExitCode> {
  using interrupt = onInterrupt(say);
  const catalogues = await loadCatalogues(options);
  const wanted = names.flatMap((name) =>
    name.startsWith(`${groupWord}:`) ? imagesOfGroup(name, catalogues) : [name],
  );
  return await resolveAndTell(wanted, options, interrupt.signal);
}

async function resolveAndTell(
  names: readonly string[],
  options: ImageOptions,
  signal: AbortSignal,
): Promise<ExitCode> {
  const blames = new Set<BootgateError["blame"]>();
  for (const name of new Set(names)) {
    try {
      const image = await findImage(name, options, say, signal);
      requireWished(image, options.architecture);
      print([`${name}  ${image.digest}`]);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BootgateError)) throw error;
      tell(error.message);
      blames.add(error.blame);
    }
  }
  return blames.size === 0 ? 0 : blames.has("caller") ? 2 : 3;
}

/** Prints what an image is. Of one at a registry nothing but its documents is fetched. */
export async function inspectImage(
  name: string,
  options: ImageOptions & { readonly json?: boolean },
): Promise<void> {
  using interrupt = onInterrupt(say);
  const peeked = await peekAtImage(name, options, say, interrupt.signal);
  if (peeked !== null) {
    requireWished(peeked, options.architecture);
    const { mediaType, created, labels, layers, ...said } = peeked;
    const image = { ...said, manifest: said.digest, disk: null, oci: null };
    const facts = { mediaType, created, labels, layers };
    if (options.json === true) printJson({ ...image, image: facts });
    else print(inspectLines(image, facts));
    return;
  }
  const image = await findImage(name, options, say, interrupt.signal);
  requireWished(image, options.architecture);
  const facts = image.oci === null ? null : await ociFacts(image.oci);
  if (options.json === true) printJson({ ...image, image: facts });
  else print(inspectLines(image, facts));
}

type OciReport = Pick<OciImageFacts, "mediaType" | "labels" | "layers"> & {
  /** As the image says, RFC 3339; null where it does not. */
  readonly created: string | null;
};

async function ociFacts(oci: NonNullable<Image["oci"]>): Promise<OciReport> {
  const { mediaType, labels, layers, config, layout } = await readOciImage(oci.layout, oci.tag);
  const data: unknown = JSON.parse(await readFile(blobPath(layout, config.digest), "utf8"));
  const created =
    data !== null && typeof data === "object" && "created" in data ? data.created : null;
  return { mediaType, created: typeof created === "string" ? created : null, labels, layers };
}

function inspectLines(image: FoundImage, facts: OciReport | null): readonly string[] {
  const rows: [string, string | undefined][] = [
    ["name", image.name],
    ["digest", image.digest],
    ["architecture", image.architecture ?? "not told"],
    ["created", facts?.created ?? undefined],
    ["form", facts?.mediaType],
    ["follows", image.follows ?? undefined],
    ["disk", image.disk === null ? undefined : `${image.disk.path} (${image.disk.format})`],
    ["installer", image.installer === undefined ? undefined : image.installer.path],
    ["here", facts !== null && image.oci === null ? "no: 'images pull' fetches it" : undefined],
    ["layout", image.oci === null ? undefined : `${image.oci.layout}:${image.oci.tag}`],
    ["stand-ins", image.standIns.length === 0 ? undefined : image.standIns.join(", ")],
    ...(image.notes ?? []).map((note): [string, string] => ["note", note]),
    ...Object.entries(facts?.labels ?? {}).map(([key, value]): [string, string] => [
      "label",
      `${key}=${value}`,
    ]),
    ...(facts?.layers ?? []).map(({ digest, size }): [string, string] => [
      "layer",
      `${digest}  ${formatBytes(size)}`,
    ]),
  ];
  return rows.flatMap(([label, text]) =>
    // Labels come from a registry: nothing in them may speak to a terminal or a CI.
    text === undefined ? [] : [`${label.padEnd(12)}  ${oneLine(text, 2000)}`],
  );
}
