/**
 * What an image of bootc's composefs backend sets for its root, `setup-root-conf.toml`. Facts: bootc, `crates/initramfs/src/lib.rs`
 * (`Config`, `MountConfig`, `mount_subdir`), bootc-setup-root-conf.toml(5).
 */
import { parse } from "smol-toml";
import { z } from "zod";
import { ExpectationFailed } from "../../base/errors.ts";
import { excerptStart } from "../excerpt.ts";

const folder = z
  .object({ mount: z.string().optional(), transient: z.boolean().default(false) })
  .default({ transient: false });

const setupRoot = z.object({
  etc: folder,
  var: folder,
  root: z.object({ transient: z.boolean().default(false) }).default({ transient: false }),
});

export interface SetupRoot {
  readonly isEtcTransient: boolean;
  readonly isVarTransient: boolean;
  readonly isRootTransient: boolean;
  /** They are the image's own as they are, and nothing can be written there. */
  readonly isEtcReadOnly: boolean;
  readonly isVarReadOnly: boolean;
}

/** The folder has no mount of its own: it is as / is. `root` is another word for it. */
const isOfRoot = ({ mount }: z.output<typeof folder>): boolean =>
  mount === "none" || mount === "root";

/** Where `mount` says something, `transient` does not count. `volatile` is another word for it. */
const isTransient = ({ mount, transient }: z.output<typeof folder>): boolean =>
  mount === undefined ? transient : mount === "transient" || mount === "volatile";

/** Reads the file's text. Throws ExpectationFailed for what is not TOML, or has something else in the place of its keys. */
export function parseSetupRoot(text: string): SetupRoot {
  try {
    const { etc, var: ofVar, root } = setupRoot.parse(parse(text));
    const isRootTransient = root.transient;
    const forgets = (of: z.output<typeof folder>): boolean =>
      isOfRoot(of) ? isRootTransient : isTransient(of);
    return {
      isEtcTransient: forgets(etc),
      isVarTransient: forgets(ofVar),
      isRootTransient,
      isEtcReadOnly: isOfRoot(etc) && !isRootTransient,
      isVarReadOnly: isOfRoot(ofVar) && !isRootTransient,
    };
  } catch (cause) {
    throw new ExpectationFailed("bootc does not read what stands in setup-root-conf.toml.", {
      cause,
      details: { says: excerptStart(text, 300) },
    });
  }
}
