"""Imports one layer with the stand-in's own code into an `ostree` that is a script: it keeps the tar that it was given, and
"commits" only when it saw the end of the archive. Reads where the stand-in is, then a case a
line, and prints for each what was committed or said."""
import base64
import hashlib
import io
import json
import os
import sys
import tarfile
import tempfile

given = json.loads(sys.stdin.readline())
sys.dont_write_bytecode = True
sys.path.insert(0, given["standin"])

from bootgate_standin import importer, local  # noqa: E402
from bootgate_standin.errors import BootcError  # noqa: E402
from bootgate_standin.imgref import ImageReference, parse_skopeo  # noqa: E402
from bootgate_standin.ostree import Sysroot  # noqa: E402

SCRIPT = """#!/usr/bin/python3
import os, sys
data = sys.stdin.buffer.read() if "--tree=tar=-" in sys.argv else b""
here = os.environ["BOOTGATE_TEST"]
if "--tree=tar=-" in sys.argv:
    if not data.endswith(bytes(1024)):
        sys.exit("error: the archive does not end")
    open(here + "/committed.tar", "wb").write(data)
open(here + "/calls", "a").write(" ".join(sys.argv[1:]) + "\\n")
print("c" * 64)
"""
folder_of_all = tempfile.TemporaryDirectory(prefix="bootgate-import-")
root = folder_of_all.name
os.makedirs(f"{root}/bin")
with open(f"{root}/bin/ostree", "w", encoding="utf-8") as stream:
    stream.write(SCRIPT)
os.chmod(f"{root}/bin/ostree", 0o755)
os.environ["PATH"] = f"{root}/bin:{os.environ['PATH']}"
os.environ["BOOTGATE_TEST"] = root


def layout(blob: bytes, said: dict) -> ImageReference:
    """An OCI layout with one layer; `said` changes what the manifest says about it."""
    folder = tempfile.mkdtemp(dir=root)
    os.makedirs(f"{folder}/blobs/sha256")

    def put(data: bytes) -> dict:
        name = hashlib.sha256(data).hexdigest()
        with open(f"{folder}/blobs/sha256/{name}", "wb") as stream:
            stream.write(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    layer = {**put(blob), "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **said}
    config = put(b'{"created":"2026-01-01T00:00:00Z"}')
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = put(json.dumps({"mediaType": kind, "config": config, "layers": [layer]}).encode())
    annotations = {"org.opencontainers.image.ref.name": "quay.io/x/os:v1"}
    index = {"manifests": [{**manifest, "mediaType": kind, "annotations": annotations}]}
    with open(f"{folder}/index.json", "w", encoding="utf-8") as stream:
        json.dump(index, stream)
    return parse_skopeo(f"oci:{folder}:quay.io/x/os:v1")


def play(case: dict) -> dict:
    for name in ("committed.tar", "calls"):
        if os.path.exists(f"{root}/{name}"):
            os.unlink(f"{root}/{name}")
    sysroot = Sysroot(f"{root}/sysroot")
    sysroot.commit_metadata = lambda _checksum: {}
    reference = layout(base64.b64decode(case["blob"]), case.get("said", {}))
    try:
        with local.open_source(reference) as reader:
            image = importer.open_remote(reader, reference)
            importer.import_image(reader, sysroot, image, reference, fsync=False)
        error = None
    except BootcError as failure:
        error = str(failure)
    members = None
    if os.path.exists(f"{root}/committed.tar"):
        with open(f"{root}/committed.tar", "rb") as stream:
            with tarfile.open(fileobj=io.BytesIO(stream.read())) as archive:
                members = [
                    [member.name, member.type.decode(), member.linkname,
                     archive.extractfile(member).read().decode() if member.isreg() else ""]
                    for member in archive
                ]  # fmt: skip
    calls = ""
    if os.path.exists(f"{root}/calls"):
        with open(f"{root}/calls", encoding="utf-8") as stream:
            calls = stream.read()
    return {"error": error, "members": members, "calls": calls}


for line in sys.stdin:
    print(json.dumps(play(json.loads(line))), flush=True)
folder_of_all.cleanup()
