/** What an image sets for its root, what ostree recorded of a boot, the archive of an initramfs and what fsck said. */
import { describe, expect, test } from "vitest";
import { isInMemory, parseKeyFile, parseRootSetting } from "../../harness/guest/tools/composefs.ts";
import { namedComposefsImages } from "../../harness/guest/tools/composefs-argument.ts";
import {
  contentOfEntry,
  endOfEntry,
  parseCpioHeader,
} from "../../harness/guest/tools/initramfs.ts";
import { parseFsck, parsePlaces, parseSmallFiles } from "../../harness/guest/tools/objects.ts";
import { parseVariantDictionary } from "../../harness/guest/tools/variant.ts";
import { cpioArchive } from "../../images/reference/cpio.ts";

const ostree = (text: string, words: readonly string[] = []) =>
  parseRootSetting("ostree", {
    path: "/usr/lib/ostree/prepare-root.conf",
    text,
    kernelArguments: words,
  });

describe("prepare-root.conf", () => {
  test.each([
    ["yes", "yes", false],
    ["true", "yes", false],
    ["1", "yes", false],
    ["0", "no", false],
    ["maybe", "maybe", false],
    ["verity", "verity", true],
    ["signed", "signed", true],
  ] as const)("enabled = %s", (word, enabled, needsVerity) => {
    const setting = ostree(`# a comment\n[composefs]\nenabled=${word}\n`);
    expect(setting).toMatchObject({ enabled, needsVerity, sealedImage: null });
  });

  test("that says nothing of composefs leaves it out, as ostree does", () => {
    expect(ostree("[sysroot]\nreadonly = true\n").enabled).toBe("no");
  });

  test("is gone over by a kernel argument", () => {
    const words = ["quiet", "ostree.prepare-root.composefs=0"];
    expect(ostree("[composefs]\nenabled = yes\n", words).enabled).toBe("no");
  });

  test("with a word that ostree refuses is the image's failure", () => {
    expect(() => ostree("[composefs]\nenabled = perhaps\n")).toThrow(/ostree does not read/);
  });

  test("tells what is in memory, each in a group of its own", () => {
    const text = "[root]\ntransient = false\n\n[etc]\n transient = true \n";
    expect(ostree(text)).toMatchObject({ isEtcTransient: true, isRootTransient: false });
    expect(parseKeyFile("[a]\nk=1\nk=2\n[b\nk=3\n=4\n")).toEqual(new Map([["a.k", "3"]]));
  });

  test("a folder that only a mount namespace can write is not one that can be written", () => {
    expect(ostree("[root]\ntransient-ro = true\n")).toMatchObject({
      isRootTransient: false,
      isRootInMemory: true,
    });
  });

  test("leaves /sysroot writable where it says so, and not by itself", () => {
    const of = (text: string) => ostree(`[composefs]\nenabled = yes\n${text}`).isSysrootWritable;
    expect(["", "[sysroot]\nreadonly = true\n", "[sysroot]\nreadonly=false\n"].map(of)).toEqual([
      false,
      false,
      true,
    ]);
  });

  test("keeps fs-verity where an argument turns off signatures alone", () => {
    const text = "[composefs]\nenabled = signed\n";
    const of = (word: string) =>
      ostree(text, [`ostree.prepare-root.composefs=${word}`]).needsVerity;
    expect(["1", "signed", "0"].map(of)).toEqual([true, true, false]);
  });

  test("says that /var is volatile where the kernel is told so", () => {
    const of = (word: string) => ostree("", [word]).isVarTransient;
    expect(["systemd.volatile=state", "systemd.volatile=no", "quiet"].map(of)).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("the composefs backend", () => {
  const digest = "ab".repeat(64);
  test.each([
    [`composefs=${digest}`, true],
    [`composefs=?${digest}`, false],
    [`composefs.digest=v1-sha512-12:${digest}`, true],
    [`composefs.digest=?v1-sha256-12:${digest.slice(64)}`, false],
    [`composefs.digest=${digest}`, true],
  ])("knows the image that %s names", (word, needsVerity) => {
    const named = namedComposefsImages(`root=x ${word} rw\n`);
    expect(named).toEqual([{ digest: expect.stringMatching(/^(?:ab)+$/), needsVerity }]);
  });
  test.each([
    `ostree.composefs=${digest}`,
    `composefs=${digest.slice(3)}`,
    `composefs.digest=v1-sha512-12:`,
    "ostree.prepare-root.composefs=1",
  ])("knows that %s does not name one", (word) => {
    expect(namedComposefsImages(word)).toEqual([]);
  });
  const setting = (text: string, words: string, root = "") =>
    parseRootSetting("composefs", {
      path: null,
      text,
      kernelArguments: ["root=x", ...words.split(" ")],
      root,
    });

  test("is sealed by the kernel argument, unless that says it need not be", () => {
    expect(setting("", `composefs=${digest}`)).toMatchObject({
      needsVerity: true,
      sealedImage: `/sysroot/composefs/images/${digest}`,
    });
    expect(setting("", `composefs=?${digest}`)).toMatchObject({
      needsVerity: false,
      sealedImage: null,
    });
  });

  test("of two images that a unified kernel names, the mounted one counts", () => {
    const older = "cd".repeat(64);
    const both = `composefs.digest=v1-sha512-12:${digest} composefs=?${older}`;
    const of = (root: string) => setting("", both, root).sealedImage;
    expect(of(`composefs:${digest}`)).toBe(`/sysroot/composefs/images/${digest}`);
    expect(of(`composefs:${older}`)).toBeNull();
    expect(of("composefs")).toBe(`/sysroot/composefs/images/${digest}`);
  });
});

test.each([
  ["transient", "rw", true],
  ["transient:composefs=ab", "rw", true],
  ["overlay", "rw,upperdir=/run/ostree/transient-etc.x/upper", true],
  ["composefs", "ro,lowerdir+=/run/ostree/.private/cfsroot-lower", false],
  ["/dev/vda3[/ostree/deploy/x/etc]", "rw", false],
])("a mount of %s with %s is in memory: %s", (source, options, expected) => {
  expect(isInMemory({ source, fstype: "overlay", options: options.split(",") })).toBe(expected);
});

// Written by glib 2.74 (g_variant_parse), with the keys and types of ostree's own record.
const plain =
  "YmFja2luZy1yb290LWRldmljZS1pbm9kZQAAAAAAAAAD/gAAAAAAAIMAAAAAAAAAACh0dCkaAAByb290LnRyYW5zaWVudAAAAABiDwAAAABjb21wb3NlZnMAAAAAAAAAAQBiCgAAAABjb21wb3NlZnMudmVyaXR5AAAAAAAAAAAAAGIRAAAAAHN5c3Jvb3Qtcm8AAAAAAAABAGILNkxkhJw=";
/** Larger than 255 bytes, so its offsets have two each. */
const signed =
  "YmFja2luZy1yb290LWRldmljZS1pbm9kZQAAAAAAAAAD/gAAAAAAAIMAAAAAAAAAACh0dCkaAAByb290LnRyYW5zaWVudAAAAABiDwAAAABjb21wb3NlZnMAAAAAAAAAAQBiCgAAAABjb21wb3NlZnMudmVyaXR5AAAAAAAAAAABAGIRAAAAAGNvbXBvc2Vmcy5zaWduZWQAAAAAAAAAAC9ldGMvb3N0cmVlL2luaXRyYW1mcy1yb290LWJpbmRpbmcua2V5AABzEQAAAAAAAHN5c3Jvb3Qtcm8AAAAAAAABAGILAAAAAHRyYW5zaWVudC1ldGMAAAAvcnVuL29zdHJlZS90cmFuc2llbnQtZXRjLkFiQ2RFZgAAcw42AEwAZACEAMoA5AAcAQ==";

describe("/run/ostree-booted", () => {
  test("is read by its keys", () => {
    const read = (text: string) =>
      Object.fromEntries(parseVariantDictionary(Buffer.from(text, "base64")) ?? []);
    expect(read(plain)).toEqual({
      "root.transient": false,
      composefs: true,
      "composefs.verity": false,
      "sysroot-ro": true,
    });
    expect(read(signed)).toMatchObject({
      "composefs.verity": true,
      "composefs.signed": "/etc/ostree/initramfs-root-binding.key",
      "transient-etc": "/run/ostree/transient-etc.AbCdEf",
    });
  });

  test("of an ostree from before it had any content is empty", () => {
    expect(parseVariantDictionary(Buffer.alloc(0))?.size).toBe(0);
  });

  test.each(["", "00", "ff", "0102030405", "composefs", "\0\0\0\0\0\0\0\0\x08"])(
    "that is something else is refused and ends: %j",
    (text) => {
      const read = parseVariantDictionary(Buffer.from(text, "latin1"));
      if (text !== "") expect(read === null || read.size === 0).toBe(true);
    },
  );

  test("with any byte changed never throws", () => {
    const good = Buffer.from(signed, "base64");
    for (let at = 0; at < good.length; at++)
      for (const value of [0, 1, 0x7f, 0xff]) {
        const bad = Buffer.from(good);
        bad[at] = value;
        expect(() => parseVariantDictionary(bad)).not.toThrow();
      }
  });
});

describe("an archive of an initramfs", () => {
  const name = "usr/lib/ostree/prepare-root.conf";
  const archive = cpioArchive([
    { name: "usr", mode: 0o040755, content: "" },
    { name, mode: 0o100644, content: "[composefs]\n" },
  ]);
  const first = parseCpioHeader(archive);

  test("is read entry by entry", () => {
    if (first === null) throw new Error("There is no header.");
    const second = archive.subarray(endOfEntry(first));
    expect(contentOfEntry(second, name)).toBe("[composefs]\n");
    expect(contentOfEntry(second, "usr/lib/ostree/other.conf")).toBeNull();
    expect(contentOfEntry(archive, "usr")).toBeNull();
  });

  test("that ends in the middle, or whose numbers are none, is not read", () => {
    if (first === null) throw new Error("There is no header.");
    const second = archive.subarray(endOfEntry(first));
    expect(contentOfEntry(second.subarray(0, 150), name)).toBeNull();
    expect(parseCpioHeader(second.subarray(0, 100))).toBeNull();
    const odd = Buffer.from(second);
    odd.write("zzzzzzzz", 6 + 8 * 6);
    expect(contentOfEntry(odd, name)).toBeNull();
  });
});

describe("ostree", () => {
  // Said by ostree 2026.4, 2026-11-26.
  const damaged =
    "error: In commits 382815b133279ea9e43ed117f37a5b799407c168f50d505ce27a31b4f4a22217: fsck content object 231c30d3922f68ca6dad4d5942565eea146bdb56f57bb66c37c0b9834f093fb9: Corrupted file object; checksum expected='231c30d3922f68ca6dad4d5942565eea146bdb56f57bb66c37c0b9834f093fb9' actual='eb987f68fab69d08fea1204fa0f8bea5f8a5dbfbc74cc9106da5681fecf7418b'\n";
  const clean =
    "Validating refs...\nVerifying content integrity of 1 commit objects...\nfsck objects (8/8) 100%\nobject fsck of 1 commits completed successfully - no errors found.\n";

  test("fsck names what is damaged", () => {
    const found = parseFsck("Validating refs...\n", damaged, 1);
    expect(found).toMatchObject({
      isClean: false,
      damaged: ["231c30d3922f68ca6dad4d5942565eea146bdb56f57bb66c37c0b9834f093fb9"],
    });
  });

  test("fsck names what is missing, and not the commit that misses it", () => {
    const missing = `Object missing in commits ${"c".repeat(64)}: ${"6".repeat(64)}.file\nMarking commit as partial: ${"c".repeat(64)}\nerror: Repository corruption encountered\n`;
    const lost = ["6".repeat(64)];
    expect(parseFsck("", missing, 1)).toMatchObject({ damaged: lost, missing: lost });
  });

  test("ls tells where an object's file is, of regular files and links alike", () => {
    // The line of a regular file is as in bootc-dev/bootc#1216.
    const [file, link] = ["3".repeat(64), "4".repeat(64)];
    const text = `d00755 0 0 0 ${"a".repeat(64)} ${"b".repeat(64)} /usr\n-00755 0 0 909224 ${file} /usr/lib64/lib free.so\nl00777 0 0 0 ${link} /usr/lib64/lib.so -> lib free.so\n`;
    expect([...parsePlaces(text)]).toEqual([
      [file, "/usr/lib64/lib free.so"],
      [link, "/usr/lib64/lib.so"],
    ]);
  });

  test("fsck is clean where it says so, and not by its exit code alone", () => {
    expect(parseFsck(clean, "", 0)).toMatchObject({ isClean: true, damaged: [] });
    expect(parseFsck("Validating refs...\n", "", 0).isClean).toBe(false);
    expect(parseFsck(clean, "", null).isClean).toBe(false);
  });

  test("fsck names what cannot be read", () => {
    const unread = damaged.replace(
      /Corrupted.*/,
      "Error reading from file descriptor: Input/output error",
    );
    expect(parseFsck("", unread, 1).damaged).toEqual([
      "231c30d3922f68ca6dad4d5942565eea146bdb56f57bb66c37c0b9834f093fb9",
    ]);
  });

  test("ls tells the objects of files that are neither tiny nor large, each once", () => {
    const row = (size: number, path: string, hex = "231c") =>
      `-00644 0 0 ${String(size).padStart(6)} ${hex.padEnd(64, "0")} ${path}`;
    const text = [
      `d00755 0 0      0 ${"1".repeat(64)} ${"4".repeat(64)} /usr/lib/tmpfiles.d`,
      row(18, "/usr/lib/tmpfiles.d/a.conf"),
      `l00777 0 0      0 ${"2".repeat(64)} /usr/lib/tmpfiles.d/b.conf -> a.conf`,
      row(900_000, "/usr/lib/tmpfiles.d/c.conf"),
      row(400, "/usr/lib/tmpfiles.d/d e.conf", "ab12"),
      row(400, "/usr/lib/tmpfiles.d/f.conf", "ab12"),
      row(9000, "/usr/lib/tmpfiles.d/g.conf", "ab14"),
    ].join("\n");
    const [first, ...others] = parseSmallFiles(text);
    expect(first).toEqual({
      path: "/usr/lib/tmpfiles.d/d e.conf",
      checksum: "ab12".padEnd(64, "0"),
      object: `/sysroot/ostree/repo/objects/ab/${"12".padEnd(62, "0")}.file`,
      bytes: 400,
    });
    expect(others.map(({ path }) => path)).toEqual(["/usr/lib/tmpfiles.d/g.conf"]);
    expect(parseSmallFiles("")).toEqual([]);
  });

  test("a file of one whole block comes first: btrfs has it neither in its metadata nor compressed", () => {
    const sizes = [400, 2048, 4097, 2049, 4096];
    const text = sizes.map((size, at) => `-00644 0 0 ${size} ${`${at}`.repeat(64)} /usr/${size}`);
    const found = parseSmallFiles(text.join("\n")).map(({ bytes }) => bytes);
    expect(found).toEqual([2049, 4096, 400, 2048, 4097]);
  });
});
