/** What every builder begins with that runs an image's programs on this host: the image is read, and the installation planned. */
import type { OciImageFacts } from "../../../images/origins/oci-layout.ts";
import { describeRoot, type RootFacts } from "../../../images/rootfs/facts.ts";
import { readRootTree } from "../../../images/rootfs/root-tree.ts";
import { HostUnfit } from "../../base/errors.ts";
import type { MakeOptions } from "../state.ts";
import type { BuilderName, BuildRequest } from "./builder.ts";
import { type InstallPlan, imageFault, layerFault, planInstall } from "./install-plan.ts";

type Tree = Awaited<ReturnType<typeof readRootTree>>;

export interface Begun extends InstallPlan {
  /** Tells a stage, with the time since the build began. */
  readonly tell: (stage: string) => void;
  readonly facts: RootFacts;
}

/** `read` reads the image's files where more is made of them than a tree. Throws as `DiskBuilder.build` does. */
export async function beginOnHost(
  builder: BuilderName,
  { image, recipe, name }: BuildRequest,
  { signal, onStage }: MakeOptions,
  read: (tell: Begun["tell"]) => Promise<Tree> = () => readRootTree(image, { signal }),
): Promise<Begun> {
  const began = performance.now();
  const tell = (stage: string): void => onStage(stage, performance.now() - began);
  tell("unpacking");
  requireOwnArchitecture(builder, image, name);
  const tree = await read(tell).catch((error: unknown) => {
    throw layerFault(error);
  });
  const facts = await describeRoot(tree, image.architecture).catch((error: unknown) => {
    throw imageFault(error);
  });
  return { tell, facts, ...planInstall(facts, recipe, name) };
}

/** An image's programs run here, so its architecture has to be the host's. Throws HostUnfit. */
function requireOwnArchitecture(
  builder: BuilderName,
  { architecture }: OciImageFacts,
  name: string,
): void {
  const own = { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch;
  if (architecture === own) return;
  throw new HostUnfit(
    `The image '${name}' is for ${architecture}, and --builder ${builder} runs its installer on this ${own} host.`,
    { details: { "to do": "build it on a host of its architecture, or name a disk of it" } },
  );
}
