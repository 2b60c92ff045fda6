/**
 * The bootc image that belongs to where a host gets its system from. For the ostree refs of Fedora these are the images that the
 * catalogue of images names, which says from where it knows them (a test holds both together); nobody looks here whether a tag is there.
 */
import type { RpmOstreeDeployment } from "../guest/tools/rpm-ostree.ts";
import { told } from "./checked-words.ts";

export interface BaseImage {
  /** What `FROM` names; null where the person has to fill it in. */
  readonly reference: string | null;
  /** One sentence: where this is from, or what to fill in. */
  readonly why: string;
  /** Whether the host demands a signature of its image, so that the switch has to do it as well. */
  readonly isSigned: boolean;
  /** Whether the host follows a digest: one image, which never has an update. */
  readonly isPinned: boolean;
}

/** What stands in the Containerfile where the base is not known. It is not a reference, so that a build ends at once. */
export const unknownBase = "FILL-IN-THE-BASE-IMAGE";

/** Fedora's change "DNF and bootc in Image Mode": the first release of the Atomic Desktops with both. */
const firstWithBootc = 41;

/** Names of a desktop's ref → of its image, where they differ: Sway and Budgie got new names with Fedora 41. */
const renamed: Readonly<Record<string, string>> = { sericea: "sway-atomic", onyx: "budgie-atomic" };
const desktops = new Set([
  "silverblue",
  "kinoite",
  "sway-atomic",
  "budgie-atomic",
  "cosmic-atomic",
]);

/** A name of a registry's image with a tag or a digest (distribution/reference): nothing that a Containerfile reads as more than one word. */
const isReference = (name: string): boolean =>
  name.length <= 500 &&
  /^[a-zA-Z0-9][\w.-]*(?::\d+)?(?:\/[\w.-]+)+(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/.test(name);

/** How ostree-ext writes what a host follows: how it is verified, and then the image (ostree-ext, `OstreeImageReference`). */
const containerOrigin =
  /^(?:ostree-unverified-registry:|ostree-unverified-image:(?:docker:\/\/|registry:)|(ostree-image-signed):(?:docker:\/\/|registry:)|(ostree-remote-registry):[^:]+:|(ostree-remote-image):[^:]+:(?:docker:\/\/|registry:)|docker:\/\/)(.+)$/;

/** Takes the base of a deployment from its origin. Pure. */
export function baseImageOf(one: RpmOstreeDeployment): BaseImage {
  const container = one["container-image-reference"];
  const version = one["base-version"];
  if (container !== null) return ofContainer(container, version);
  if (one.origin === null) return unknown("The status does not say where the system comes from.");
  return ofRef(one.origin, version);
}

const coreos = "quay.io/fedora/fedora-coreos";
/** The third part of a version of Fedora CoreOS (coreos/fedora-coreos-tracker, Design.md). */
const streams: Readonly<Record<string, string>> = { 1: "next", 2: "testing", 3: "stable" };

/**
 * Zincati brings a host of Fedora CoreOS from one digest to the next (coreos/fedora-coreos-config#3355), and only the first installation has a
 * tag. A tag beside a digest says where that was found.
 */
function ofReference(name: string, version: string | null): Omit<BaseImage, "isSigned"> {
  const [tagged = "", digest] = name.split("@");
  if (digest === undefined)
    return { reference: name, why: "This host is made of that image already.", isPinned: false };
  const stream = streams[/^\d+\.\d{8}\.(\d)\.\d+/.exec(version ?? "")?.[1] ?? ""];
  if (tagged === coreos && stream !== undefined)
    return {
      reference: `${coreos}:${stream}`,
      why: `This host follows one image of it after the other, by digest; its version is of the stream '${stream}'.`,
      isPinned: true,
    };
  if (/:[^/]+$/.test(tagged))
    return {
      reference: tagged,
      why: "This host is made of one image that had this tag, by its digest.",
      isPinned: true,
    };
  return { reference: name, why: "This host is made of that one image.", isPinned: true };
}

function ofContainer(origin: string, version: string | null): BaseImage {
  // What an ostree remote verifies needs no policy of containers, and bootc refuses to ask for one where there is none.
  const [, signed, , , name = ""] = containerOrigin.exec(origin) ?? [];
  const isSigned = signed !== undefined;
  if (isReference(name)) return { ...ofReference(name, version), isSigned };
  return unknown(
    `The host follows '${told(origin)}', which no build can name: push that image to a registry and write its name here.`,
  );
}

/** `fedora:fedora/43/x86_64/silverblue`, `fedora:fedora/x86_64/coreos/stable`, `fedora-iot:fedora/stable/x86_64/iot`. */
function ofRef(origin: string, version: string | null): BaseImage {
  const ref = origin.replace(/^ostree:\/\//, "").replace(/^[^:/]*:/, "");
  const parts = ref.split("/");
  const major = /^(\d+)\./.exec(version ?? "")?.[1];
  const [distribution, first = "", second = "", third = ""] = parts;
  const release = /^\d+$/.test(first) ? Number(first) : null;
  if (distribution === "fedora" && release !== null && release < firstWithBootc)
    return unknown(
      `Fedora ${release} has neither bootc nor dnf on these hosts: bring this one to release ${firstWithBootc} or later by \`rpm-ostree rebase\` first, and plan again.`,
    );
  if (distribution === "fedora" && parts.length === 4) {
    const name = renamed[third] ?? third;
    if (desktops.has(name) && /^\w+$/.test(first))
      return fedora(`fedora-ostree-desktops/${name}:${first}`);
    if (third === "iot") {
      const tag = /^\d+$/.test(first) ? first : major;
      if (tag !== undefined) return fedora(`fedora/fedora-iot:${tag}`);
    }
    if (second === "coreos" && /^(?:stable|testing|next)$/.test(third))
      return fedora(`fedora/fedora-coreos:${third}`);
  }
  return unknown(
    `No bootc image is known for '${told(origin)}': write the one that its distribution names as its successor${major === undefined ? "" : `, of version ${major}`}.`,
  );
}

const fedora = (name: string): BaseImage => ({
  reference: `quay.io/${name}`,
  why: "It is the image of the same system that Fedora's projects publish; look with `skopeo inspect` whether it is there and has the label containers.bootc.",
  ...{ isSigned: false, isPinned: false },
});

const unknown = (why: string): BaseImage => ({
  reference: null,
  why,
  ...{ isSigned: false, isPinned: false },
});
