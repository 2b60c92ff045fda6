/** The stand-in `bootc`: its pure parts, run by the host's python3 on input of the shape that upstream documents. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { attemptCommand } from "../../harness/base/process.ts";

const standin = fileURLToPath(new URL("../../images/reference/standin", import.meta.url));

/** Runs Python with the stand-in's modules; `input` is on stdin as JSON. */
async function python(code: string, input: unknown = null): Promise<string> {
  const prelude = `import json, sys\nsys.path.insert(0, ${JSON.stringify(standin)})\nsys.dont_write_bytecode = True\nsys.stdout.reconfigure(encoding="utf-8")\ngiven = json.load(sys.stdin)\n`;
  const run = await attemptCommand("python3", ["-c", prelude + code], {
    input: JSON.stringify(input),
  });
  expect(run.stderr).toBe("");
  return run.stdout;
}

const reference = { image: "quay.io/example/os:latest", transport: "registry" };
const image = {
  image: reference,
  version: "nightly",
  timestamp: "2023-09-30T19:22:16.42Z",
  imageDigest: "sha256:736b",
  architecture: "arm64",
};
const entry = {
  image,
  cachedUpdate: null,
  incompatible: false,
  pinned: false,
  softRebootCapable: true,
  downloadOnly: false,
  store: "ostreeContainer",
  ostree: { stateroot: "default", checksum: "26836632", deploySerial: 0 },
  composefs: null,
};
const hostWith = (status: Record<string, unknown>) => ({
  apiVersion: "org.containers.bootc/v1",
  kind: "BootcHost",
  metadata: { name: "host" },
  spec: { image: reference, bootOrder: "default" },
  status: { staged: null, booted: null, rollback: null, usrOverlay: null, ...status },
});
const human = (status: Record<string, unknown>, verbose = false) =>
  python(
    `from bootgate_standin.render import to_human\nprint(to_human(given, ${verbose ? "True" : "False"}), end="")`,
    hostWith(status),
  );

test("human output lines its rows up under the image, staged first", async () => {
  const staged = { ...entry, image: { ...image, imageDigest: "sha256:16dc" } };
  expect(await human({ staged, booted: entry })).toBe(
    [
      "  Staged image: quay.io/example/os:latest",
      "        Digest: sha256:16dc (arm64)",
      "       Version: nightly (2023-09-30T19:22:16Z)",
      "",
      "● Booted image: quay.io/example/os:latest",
      "        Digest: sha256:736b (arm64)",
      "       Version: nightly (2023-09-30T19:22:16Z)",
    ].join("\n"),
  );
});

test("human output shows a pending update, an overlay, and a deployment that is not a container", async () => {
  const update = { ...image, imageDigest: "sha256:a0a0", version: "next", timestamp: null };
  const usrOverlay = { accessMode: "readWrite", persistence: "transient" };
  const text = await human({ booted: { ...entry, cachedUpdate: update }, usrOverlay });
  expect(text).toContain(" UpdateVersion: next\n  UpdateDigest: sha256:a0a0\n");
  expect(text).toContain("  /usr overlay: transient, read/write");
  expect(await human({ booted: { ...entry, image: null } })).toBe(
    "● Booted ostree\n           Commit: 26836632",
  );
  expect(await human({ booted: null, staged: entry })).toBe("System is not deployed via bootc.");
});

test("JSON is canonical: sorted keys, no spaces, no newline at the end", async () => {
  const code = `from bootgate_standin.render import to_json\nprint(to_json({"b": [1, None], "a": {"d": True, "c": "\\u25cf"}}), end="|")`;
  expect(await python(code)).toBe('{"a":{"c":"●","d":true},"b":[1,null]}|');
});

test.each([
  ["ostree-unverified-registry:10.0.2.100:5000/os:stable", "registry", "10.0.2.100:5000/os:stable"],
  ["ostree-unverified-image:oci:/var/os:v1", "oci", "/var/os:v1"],
  ["ostree-image-signed:docker://quay.io/a:b", "registry", "quay.io/a:b"],
])("the origin '%s' is read and written back", async (origin, transport, name) => {
  const code = `from bootgate_standin.imgref import parse_origin\nr = parse_origin(given)\nprint(r.transport, r.image, r.origin(), end="")`;
  expect(await python(code, origin)).toBe(`${transport} ${name} ${origin}`);
});

test("a GVariant dictionary of strings is read", async () => {
  // {'k': <'v'>, 'key2': <'x'>}: two entries, each padded to 8, framing offsets at the end.
  const code = [
    "from bootgate_standin.gvariant import parse_dict",
    "def entry(key, value):",
    "    k = key.encode() + b'\\0'",
    "    pad = b'\\0' * (-len(k) % 8)",
    "    return k + pad + value.encode() + b'\\0' + b'\\0s' + bytes([len(k)])",
    "a, b = entry('k', 'v'), entry('key2', 'x')",
    "a_end = len(a)",
    "gap = b'\\0' * (-a_end % 8)",
    "data = a + gap + b",
    "print(json.dumps(parse_dict(data + bytes([a_end, len(data)]))), end='')",
  ].join("\n");
  expect(JSON.parse(await python(code))).toEqual({ k: "v", key2: "x" });
});

test("a wrong option ends with clap's words and exit code 2, and --version parses as bootc's", async () => {
  const code = `from bootgate_standin.cli import main\nimport contextlib, io\nerr = io.StringIO()\nwith contextlib.redirect_stderr(err):\n    code = main(["upgrade", "--foo"])\nprint(code, err.getvalue(), end="")\nmain(["--version"])`;
  const text = await python(code);
  expect(text).toContain("2 error: unexpected argument '--foo' found\n\nUsage: bootc upgrade");
  expect(text).toMatch(/\nbootc \d+\.\d+\.\d+ .*stand-in/);
});

test("a layer's /etc becomes /usr/etc and its whiteouts become a list", async () => {
  const code = [
    "import io, tarfile",
    "from bootgate_standin.layer import write_ostree_tar",
    "layer, out = io.BytesIO(), io.BytesIO()",
    "with tarfile.open(fileobj=layer, mode='w|gz') as t:",
    "    for name in ('./etc/a', 'usr/.wh.gone', 'usr/d/.wh..wh..opq'):",
    "        t.addfile(tarfile.TarInfo(name))",
    "kind = 'application/vnd.oci.image.layer.v1.tar+gzip'",
    "gone = write_ostree_tar(iter([layer.getvalue()]), kind, out.write)",
    "out.seek(0)",
    "print(json.dumps([gone, tarfile.open(fileobj=out).getnames()]), end='')",
  ].join("\n");
  expect(JSON.parse(await python(code))).toEqual([["/usr/gone", "/usr/d"], ["usr/etc/a"]]);
});

/** What an expression over `x` gives for each input, in one run of Python. */
const eachOf = async (imports: string, expression: string, inputs: unknown[]): Promise<unknown> =>
  JSON.parse(
    await python(`${imports}\nprint(json.dumps([${expression} for x in given]), end="")`, inputs),
  );

test("sizes are written as glib writes them", async () => {
  const counts = [1, 999, 1000, 264_512_405, 3_000_000_000];
  const words = ["1 byte", "999 bytes", "1.0\u00a0kB", "264.5\u00a0MB", "3.0\u00a0GB"];
  const imports = "from bootgate_standin.words import human_size";
  expect(await eachOf(imports, "human_size(x)", counts)).toEqual(words);
});

test("a word that is not a choice gets clap's tip, where one is similar", async () => {
  const imports = "from bootgate_standin.words import similar";
  const expression = 'similar(x, ("humanreadable", "yaml", "json"))';
  expect(await eachOf(imports, expression, ["xml", "jsn", "humanreadble", "q"])).toEqual([
    "yaml",
    "json",
    "humanreadable",
    null,
  ]);
});

test("what cannot be a reference is refused as the registry library does", async () => {
  const names = {
    "10.0.2.100:5000/os:stable": null,
    [`quay.io/a/b_c/d-e@sha256:${"a".repeat(64)}`]: null,
    "quay.io/UPPER:x": "repository name must be lowercase",
    "UPPER/case:::x": "invalid reference format",
    "": "invalid reference format",
  };
  const imports = "from bootgate_standin.imgref import invalid_reference";
  expect(await eachOf(imports, "invalid_reference(x)", Object.keys(names))).toEqual(
    Object.values(names),
  );
});

test("an image under another tag", async () => {
  const names = ["10.0.2.100:5000/os:stable", "10.0.2.100:5000/os", "quay.io/os:a@sha256:00"];
  const imports = "from bootgate_standin.imgref import ImageReference";
  const expression = 'ImageReference("registry", x).with_tag("next").image';
  expect(await eachOf(imports, expression, names)).toEqual([
    "10.0.2.100:5000/os:next",
    "10.0.2.100:5000/os:next",
    "quay.io/os:next",
  ]);
});

test("kernel arguments of this machine stay when the image's are changed", async () => {
  const code = [
    "from bootgate_standin.kargs import changes",
    "line = 'BOOT_IMAGE=/vmlinuz root=LABEL=root local=1 old=1 ostree=/ostree/boot.1/x/0'",
    "print(json.dumps([changes([], ['new=1'], line), changes(['old=1'], ['new=1'], line), changes(['a'], ['a'], line)]), end='')",
  ].join("\n");
  expect(JSON.parse(await python(code))).toEqual([
    ["--karg-append=new=1"],
    [
      "--karg-none",
      "--karg-append=root=LABEL=root",
      "--karg-append=local=1",
      "--karg-append=new=1",
    ],
    [],
  ]);
});
