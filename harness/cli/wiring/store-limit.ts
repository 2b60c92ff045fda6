/** How large the store of OCI images may grow, beside the other shelves of the cache. */
import { storeNeighbour } from "../../../images/origins/store-neighbour.ts";
import { UsageError } from "../../base/errors.ts";
import { addNeighbour } from "../../base/shelf-room.ts";
import { parseBytes } from "../../base/units.ts";

/** Lets the store of OCI images have its part in the one limit of the cache. */
export const shareCache = (): void => addNeighbour(storeNeighbour);

/** `BOOTGATE_STORE_LIMIT`: how large the store of OCI images may grow within the limit of the cache. Throws UsageError for what is not a size. */
export function storeLimit(): { readonly limitBytes?: number } {
  const text = process.env.BOOTGATE_STORE_LIMIT ?? "";
  if (text === "") return {};
  const limitBytes = parseBytes(text);
  if (limitBytes !== null) return { limitBytes };
  throw new UsageError(
    `BOOTGATE_STORE_LIMIT is '${text.slice(0, 100)}'; expected a size such as 20GiB.`,
  );
}
