/**
 * What an image says of its root, and what the system that it booted recorded of it. Parsers are pure, the reader runs the commands.
 * Facts: ostree, `man/ostree-prepare-root.xml`, `src/libotcore/otcore-prepare-root.c` (2026.4), and bootc, `bootc-setup-root-conf.toml`.
 */
import { ExpectationFailed } from "../../base/errors.ts";
import { commands } from "../commands.ts";
import { excerptStart } from "../excerpt.ts";
import { type GuestIo, mustExec } from "../guest-io.ts";
import type { Backend } from "./backend.ts";
import { mountedComposefsImage, namedComposefsImages } from "./composefs-argument.ts";
import { createFiles } from "./files.ts";
import { createOstree, type Mount } from "./ostree.ts";
import { parseSetupRoot } from "./setup-root.ts";
import { parseVariantDictionary, type VariantValue } from "./variant.ts";

/** What stands in `composefs.enabled`, in one spelling. */
export type ComposefsEnabled = "yes" | "no" | "maybe" | "signed" | "verity";

export interface RootSetting {
  /** The file of the image that says it; null where there is none, and its defaults hold. */
  readonly path: string | null;
  readonly text: string;
  readonly enabled: ComposefsEnabled;
  /** Each file's content has to have the digest that the image names. */
  readonly needsVerity: boolean;
  /** Where the kernel arguments hold the root to the digest of its image: that image. */
  readonly sealedImage: string | null;
  readonly isEtcTransient: boolean;
  /** / can be written, /usr with it, and forgets it. */
  readonly isRootTransient: boolean;
  /** / is in memory; with `transient-ro` only a process with a mount namespace of its own can write to it. */
  readonly isRootInMemory: boolean;
  /** ostree leaves /sysroot writable: with composefs it does so only where it is told to (`sysroot.readonly`). */
  readonly isSysrootWritable: boolean;
  /** /var is in memory by a kernel argument (systemd-volatile-root.service(8)), or by the file of bootc's composefs backend. */
  readonly isVarTransient: boolean;
  /** What the composefs backend leaves as it is in the image, so that nothing can be written there. */
  readonly readOnlyFolders: readonly ("/etc" | "/var")[];
}

export interface ComposefsReader {
  /** What the booted image is set to. A kernel argument of this boot goes over `composefs.enabled`, as in ostree. */
  setting(backend: Backend): Promise<RootSetting>;
  /** What ostree recorded of this boot, by its keys. */
  booted(): Promise<ReadonlyMap<string, VariantValue>>;
  /** `ostree-prepare-root`'s word on verity in the journal of this boot; null where the journal does not have it. */
  mountedWithVerity(): Promise<boolean | null>;
}

/** Keys of a key file (GKeyFile): `group.key` → value. The last of two wins. */
export function parseKeyFile(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let group = "";
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const header = /^\[([^\]]+)\]$/.exec(trimmed)?.[1];
    const equals = trimmed.indexOf("=");
    if (header !== undefined) group = header.trim();
    else if (equals > 0)
      found.set(`${group}.${trimmed.slice(0, equals).trim()}`, trimmed.slice(equals + 1).trim());
  }
  return found;
}

const yes = ["yes", "true", "1"];
const no = ["no", "false", "0"];

/** ostree's own reading of a word for `composefs.enabled`; null for what it refuses. */
function enabledBy(word: string): ComposefsEnabled | null {
  if (word === "signed" || word === "verity" || word === "maybe") return word;
  if (yes.includes(word)) return "yes";
  return no.includes(word) ? "no" : null;
}

/**
 * An ostree image's own files, the one that counts first: GKeyFile forgets the first file when it reads the second (seen with glib 2.74).
 * /etc as the image ships it: the machine's own is not in the initramfs.
 */
const prepareRoot = ["/usr/etc/ostree/prepare-root.conf", "/usr/lib/ostree/prepare-root.conf"];
const setupRoot = ["/usr/lib/composefs/setup-root-conf.toml"];

const volatileWord = /^systemd\.volatile=(?:yes|true|on|1|state|overlay)$/;

interface SettingSource {
  /** The file; null where there is none, and its defaults hold. */
  readonly path: string | null;
  readonly text: string;
  readonly kernelArguments: readonly string[];
  /** Source of the mount at `/`, which shows the image that was taken where several are named. */
  readonly root?: string;
}

/** Reads `prepare-root.conf`, or of the composefs backend `setup-root-conf.toml`. Throws ExpectationFailed for what ostree or bootc refuses. */
export function parseRootSetting(
  backend: Backend,
  { path, text, kernelArguments, root = "" }: SettingSource,
): RootSetting {
  const isVarTransient = kernelArguments.some((word) => volatileWord.test(word));
  if (backend === "composefs") {
    const named = namedComposefsImages(kernelArguments.join(" "));
    const mounted = mountedComposefsImage(root);
    const taken = named.find(({ digest }) => digest === mounted) ?? named[0];
    const needsVerity = taken?.needsVerity === true;
    const { isEtcTransient, isRootTransient, ...rest } = parseSetupRoot(text);
    const isVarReadOnly = rest.isVarReadOnly && !isVarTransient;
    return {
      ...{ path, text, needsVerity, enabled: needsVerity ? "verity" : "yes" },
      sealedImage: needsVerity ? `/sysroot/composefs/images/${taken.digest}` : null,
      isVarTransient: isVarTransient || rest.isVarTransient,
      ...{ isEtcTransient, isRootTransient, isRootInMemory: isRootTransient },
      isSysrootWritable: false,
      readOnlyFolders: [
        ...(rest.isEtcReadOnly ? (["/etc"] as const) : []),
        ...(isVarReadOnly ? (["/var"] as const) : []),
      ],
    };
  }
  const keys = parseKeyFile(text);
  const says = (key: string): boolean => yes.includes(keys.get(key) ?? "no");
  const argument = kernelArguments
    .find((word) => word.startsWith("ostree.prepare-root.composefs="))
    ?.slice("ostree.prepare-root.composefs=".length);
  const ofFile = keys.get("composefs.enabled") ?? "no";
  const word = argument ?? ofFile;
  const enabled = enabledBy(word);
  if (enabled === null)
    throw new ExpectationFailed("ostree does not read what stands in composefs.enabled.", {
      details: { file: path ?? "none", says: excerptStart(word, 100) },
    });
  return {
    // An argument that says `1` turns off signatures alone: fs-verity stays as the file has it (ostree, otcore-prepare-root.c).
    ...{ path, text, enabled, isVarTransient },
    needsVerity: enabled !== "no" && [ofFile, word].some((one) => /^(?:signed|verity)$/.test(one)),
    sealedImage: null,
    isEtcTransient: says("etc.transient"),
    isRootTransient: says("root.transient"),
    isRootInMemory: says("root.transient") || says("root.transient-ro"),
    isSysrootWritable: no.includes(keys.get("sysroot.readonly") ?? "yes"),
    readOnlyFolders: [],
  };
}

/**
 * Whether what is written to a mount is gone after a reboot: a tmpfs, an overlay that ostree puts into /run, or one that bootc's initramfs calls
 * `transient` or `transient:composefs=…` (bootc, `crates/initramfs/src/lib.rs`).
 */
export const isInMemory = ({ source, fstype, options }: Mount): boolean =>
  fstype === "tmpfs" ||
  /^transient(?::|$)/.test(source) ||
  options.some((option) => option.startsWith("upperdir=/run/"));

const mountedWords = /composefs: mounted successfully \(verity=(true|false)\)/;

/** composefs in a guest. */
export function composefsOf(io: GuestIo): ComposefsReader {
  const files = createFiles(io);
  return {
    async setting(backend) {
      const { stdout } = await mustExec(io, commands.kernelArguments);
      const kernelArguments = stdout.trim().split(/\s+/);
      const root = (await createOstree(io).rootMount()).source;
      for (const path of backend === "ostree" ? prepareRoot : setupRoot) {
        const text = await files.read(path);
        if (text !== null) return parseRootSetting(backend, { path, text, kernelArguments, root });
      }
      return parseRootSetting(backend, { path: null, text: "", kernelArguments, root });
    },
    async booted() {
      const { stdout } = await mustExec(io, commands.ostreeBootedRecord);
      const found = parseVariantDictionary(Buffer.from(stdout, "base64"));
      if (found !== null) return found;
      throw new ExpectationFailed("/run/ostree-booted is not a dictionary as ostree writes it.", {
        details: { "in base64": excerptStart(stdout, 300) },
        lookAt: io.lookAt,
      });
    },
    async mountedWithVerity() {
      const query = { unit: "ostree-prepare-root.service", lines: 200 };
      const { stdout } = await mustExec(io, commands.journal(query));
      const word = mountedWords.exec(stdout)?.[1];
      return word === undefined ? null : word === "true";
    },
  };
}
