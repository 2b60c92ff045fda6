/** What has come into a guest's store of images, whichever backend keeps it. */
import { commands } from "../commands.ts";
import type { Guest } from "../guest.ts";
import { requireSuccess } from "../guest-io.ts";
import { readKept } from "./composefs-kept.ts";

/** By name: the refs of ostree, or the images of the composefs backend. */
export async function storeOf(guest: Guest): Promise<readonly string[]> {
  if ((await guest.backend()) === "composefs") return (await readKept(guest)).images;
  const refs = requireSuccess(guest, await guest.exec(commands.ostreeRefs));
  return refs.stdout
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}
