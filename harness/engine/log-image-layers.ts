/** Of which layers the candidates of a run are made goes into its log, once for each, so that reports can compare them. */
import type { Image } from "../../images/image.ts";
import type { EventLog } from "../log/event-log.ts";
import type { ImageLayers } from "../log/events.ts";
import type { Job } from "./plan.ts";

/** What the documents of an image say; null where nothing tells. Must not throw. */
export type LayerReader = (image: Image) => Promise<ReadLayers | null>;

type ReadLayers = Omit<ImageLayers, "layers" | "claims"> & {
  readonly layers: readonly ImageLayers["layers"][number][];
  readonly claims: readonly ImageLayers["claims"][number][];
};

/** Logs what can be told; of one candidate too, since a run may be judged beside others. */
export async function logImageLayers(
  {
    jobs,
    readLayers,
  }: { readonly jobs: readonly Job[]; readonly readLayers?: LayerReader | undefined },
  log: Pick<EventLog, "append">,
): Promise<void> {
  const candidates = new Map(
    jobs.flatMap(({ images: { candidate } }) =>
      candidate === undefined ? [] : [[candidate.digest, candidate]],
    ),
  );
  for (const candidate of candidates.values()) {
    const image = (await readLayers?.(candidate)) ?? null;
    if (image === null) continue;
    const { layers, claims } = image;
    log.append({
      type: "image-layers",
      image: { ...image, layers: [...layers], claims: [...claims] },
    });
  }
}
