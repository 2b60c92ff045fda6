/** `bootgate images`: what can be named, what it is, and building what is built here. */

import { imageNames } from "../../../images/catalogue.ts";
import type { Image } from "../../../images/image.ts";
import { findImage, type ImageOptions, loadCatalogues, resolveImages } from "../wiring/session.ts";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Prints all names of the catalogue. */
export async function listImages(
  options: ImageOptions & { readonly json?: boolean },
): Promise<void> {
  const names = (await loadCatalogues(options)).flatMap((catalogue) =>
    imageNames(catalogue).map((name) => ({
      name,
      summary: catalogue.images[name.split(":")[0] ?? ""]?.summary ?? "",
    })),
  );
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(names, null, 2)}\n`);
    return;
  }
  const width = Math.max(...names.map(({ name }) => name.length));
  for (const { name, summary } of names) {
    process.stdout.write(`${name.padEnd(width)}  ${summary}\n`);
  }
}

/** Builds the named images, or all of the reference OS. */
export async function buildImages(names: readonly string[]): Promise<void> {
  const wanted = names.length > 0 ? names : ["reference:v1", "reference:v2"];
  const { signal } = new AbortController();
  const images = await resolveImages(
    Object.fromEntries(wanted.map((name) => [name, name])),
    {},
    say,
    signal,
  );
  for (const [name, image] of Object.entries<Image | undefined>(images)) {
    process.stdout.write(`${name}  ${image?.digest}\n`);
  }
}

/** Prints what an image is, as JSON. */
export async function inspectImage(name: string, options: ImageOptions): Promise<void> {
  const image = await findImage(name, options, say, new AbortController().signal);
  process.stdout.write(`${JSON.stringify(image, null, 2)}\n`);
}
