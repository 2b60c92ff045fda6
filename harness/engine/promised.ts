/** Where a story finds nothing to judge: a broken promise, or a reason to skip it. */
import type { CatalogueWord, Image } from "../../images/image.ts";
import { ExpectationFailed } from "../base/errors.ts";
import type { Stage } from "./scenario.ts";

/** Ends a story with the reason: throws ExpectationFailed where the catalogue says that the image that is judged promises it, and skips else. */
export function skipUnlessPromised(
  {
    image,
    promise,
    skip,
  }: { image: Image; promise: CatalogueWord["promises"][number]; skip: Stage["skip"] },
  reason: string,
): never {
  if (image.catalogue?.promises.includes(promise) === true) throw new ExpectationFailed(reason);
  return skip(reason);
}
