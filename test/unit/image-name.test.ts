import { expect, test } from "vitest";
import { type ImageName, parseImageName } from "../../images/origins/image-name.ts";
import { askedAs, followedAs } from "../../images/origins/reference.ts";

const hex = "a".repeat(64);
const pin = `sha256:${hex}`;
const known = { entries: ["reference"], names: ["reference:v1", "reference:v2"], isThere: false };

/** One line for each kind of name, so that the table below can be read. */
function told(name: ImageName): string {
  const end = name.pin === null ? "" : " pinned";
  switch (name.kind) {
    case "catalogue":
      return `catalogue ${name.entry} ${name.version ?? "-"}${end}`;
    case "disk":
      return `disk ${name.path}${end}`;
    case "layout":
      return `layout ${name.path} ${name.tag ?? "-"}${end}`;
    case "archive":
      return `${name.transport} ${name.path} ${name.tag ?? "-"}${end}`;
    case "registry":
      return `registry ${askedAs(name.reference)} follows ${followedAs(name.reference)}${end}`;
    case "storage":
      return `storage ${name.reference}${end}`;
    case "directory":
      return `dir ${name.path}${end}`;
    default:
      return name satisfies never;
  }
}

test.each([
  ["reference:v1", "catalogue reference v1"],
  ["reference", "catalogue reference -"],
  [`reference:v1@${pin}`, "catalogue reference v1 pinned"],
  ["./disk.qcow2", "disk ./disk.qcow2"],
  ["/a/disk", "disk /a/disk"],
  ["../a:b/disk.raw", "disk ../a:b/disk.raw"],
  ["~/disk", "disk ~/disk"],
  ["images.d/disk.raw.xz", "disk images.d/disk.raw.xz"],
  ["nowhere.vhdx", "disk nowhere.vhdx"],
  [`disk.qcow2@${pin}`, "disk disk.qcow2 pinned"],
  ["oci:dir", "layout dir -"],
  ["oci:/a/dir:v1", "layout /a/dir v1"],
  ["oci:dir:quay.io/x/y:43", "layout dir quay.io/x/y:43"],
  [`oci:dir:v1@${pin}`, "layout dir v1 pinned"],
  ["oci-archive:a.tar", "oci-archive a.tar -"],
  ["oci-archive:a.tar:v1", "oci-archive a.tar v1"],
  ["docker-archive:a.tar:quay.io/x/y:43", "docker-archive a.tar quay.io/x/y:43"],
  ["docker://quay.io/x/y", "registry quay.io/x/y:latest follows quay.io/x/y:latest"],
  [
    "quay.io/fedora/fedora-bootc:43",
    "registry quay.io/fedora/fedora-bootc:43 follows quay.io/fedora/fedora-bootc:43",
  ],
  ["localhost:5000/os:x", "registry localhost:5000/os:x follows localhost:5000/os:x"],
  ["localhost/os", "registry localhost/os:latest follows localhost/os:latest"],
  ["host:5000/a/b", "registry host:5000/a/b:latest follows host:5000/a/b:latest"],
  [
    "10.0.2.100:5000/os:stable",
    "registry 10.0.2.100:5000/os:stable follows 10.0.2.100:5000/os:stable",
  ],
  ["[::1]:5000/os:x", "registry [::1]:5000/os:x follows [::1]:5000/os:x"],
  [`ghcr.io/o/i@${pin}`, `registry ghcr.io/o/i@${pin} follows ghcr.io/o/i@${pin}`],
  [`ghcr.io/o/i:pr-1@${pin}`, `registry ghcr.io/o/i@${pin} follows ghcr.io/o/i:pr-1`],
  [`docker://ghcr.io/o/i:pr-1@${pin}`, `registry ghcr.io/o/i@${pin} follows ghcr.io/o/i:pr-1`],
  ["quay.io/x/y:gz", "registry quay.io/x/y:gz follows quay.io/x/y:gz"],
  ["containers-storage:localhost/os:x", "storage localhost/os:x"],
  ["containers-storage:[vfs@/a+/b]localhost/os:x", "storage [vfs@/a+/b]localhost/os:x"],
  [`containers-storage:os@${pin}`, `storage os@${pin}`],
  ["dir:/a/b", "dir /a/b"],
])("'%s' is read as: %s", (text, expected) => {
  expect(told(parseImageName(text, known))).toBe(expected);
});

test.each([
  ["", /The name of an image is empty[\s\S]*variable/],
  [" ", /The name of an image is empty/],
  ["quay.io:99999/x/y:1", /port 99999 of its host does not exist/],
  ["docker://localhost:0/x", /port 0 of its host does not exist/],
  [
    "refrence:v1",
    /The image 'refrence:v1' does not exist in the catalogue or as a file; did you mean 'reference:v1'\?/,
  ],
  [
    "fedora-bootc:43",
    /The image '.+' does not exist[\s\S]*registry +.*quay\.io\/fedora\/fedora-bootc:43.*short names are not expanded/,
  ],
  ["fedora/fedora-bootc:43", /The image '.+' does not exist[\s\S]*short names are not expanded/],
  ["docker://fedora-bootc:43", /does not name the registry, and short names are not expanded/],
  ["docker://fedora/fedora-bootc", /does not name the registry/],
  ["docker:quay.io/x/y", /expected docker:\/\/HOST\/NAME:TAG/],
  [
    "dokcer://quay.io/x/y",
    /A transport 'dokcer' for images does not exist; did you mean 'docker'\?/,
  ],
  [
    "oci-archiv:/a/b.tar",
    /transport 'oci-archiv' for images does not exist; did you mean 'oci-archive'\?/,
  ],
  ["ostree-remote://x", /transport 'ostree-remote' for images does not exist/],
  ["oci:", /expected oci:DIR/],
  ["oci::v1", /expected oci:DIR/],
  ["oci:dir:", /expected oci:DIR/],
  ["containers-storage:", /expected containers-storage:NAME/],
  ["dir:", /expected dir:DIR/],
  ["quay.io/Fedora/x:43", /small letters only/],
  ["quay.io/x/y:", /its tag is malformed/],
  ["quay.io/x//y:1", /name of its repository is malformed/],
  [`quay.io/x/y@sha512:${hex}`, /has to be sha256: and 64 hex digits/],
  [`quay.io/x/y@sha256:abc`, /64 hex digits/],
  [`quay.io/${"a/".repeat(400)}b`, /longer than 600/],
  [`quay.io/${"a-".repeat(250)}`, /repository is malformed/],
])("'%s' is refused in words", (text, words) => {
  const parse = (): ImageName => parseImageName(text, known);
  expect(parse).toThrow(words);
  expect(parse).toThrowError(expect.objectContaining({ name: "UsageError" }));
});

test.each([
  "docker://me:hunter2@quay.io/x/y:1",
  "me:hunter2@quay.io/x/y:1",
  "me:hunter2@localhost:5000/x",
  "https://me:hunter2@quay.io/x.qcow2",
  "registry://me:hunter2@quay.io/x",
  "docker:me:hunter2@quay.io/x",
  "docker:////me:hunter2@quay.io/x",
  "me:hunter2@quay.io",
])("credentials in '%s' are refused and never repeated", (text) => {
  let message = "";
  try {
    parseImageName(text, known);
  } catch (error) {
    message = String(error);
  }
  expect(message).toMatch(/UsageError/);
  expect(message).not.toMatch(/hunter2/);
  if (!text.startsWith("https:")) expect(message).toMatch(/skopeo login/);
});

test("a file that is there is taken before a reference of the same name; docker:// forces the other", () => {
  const there = { ...known, isThere: true };
  expect(told(parseImageName("quay.io/x/y:43", there))).toBe("disk quay.io/x/y:43");
  expect(told(parseImageName("docker://quay.io/x/y:43", there))).toMatch(/^registry/);
  expect(told(parseImageName("word", there))).toBe("disk word");
  expect(told(parseImageName("reference:v1", there))).toBe("catalogue reference v1");
});
