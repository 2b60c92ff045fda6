"""What the stand-in asks skopeo's image proxy for and what it takes for a layer, with a proxy that is a table. Reads the case on
stdin, prints the layer as it would be committed."""
import hashlib
import json
import os
import sys
import tempfile

given = json.load(sys.stdin)
sys.dont_write_bytecode = True
sys.path.insert(0, given["standin"])

from bootgate_standin.errors import BootcError  # noqa: E402
from bootgate_standin.imgref import ImageReference  # noqa: E402
from bootgate_standin.importer import open_remote  # noqa: E402
from bootgate_standin.proxy import ImageProxy  # noqa: E402


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


unpacked, config = given["unpacked"].encode(), b"{}"
packed = {"digest": digest(b"packed"), "size": 6, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
manifest = json.dumps({"config": {"digest": digest(config), "size": len(config)}, "layers": [packed]}).encode()
# As podman's storage keeps it; a name is what skopeo calls it.
kept = {"digest": digest(unpacked), "size": len(unpacked), "media_type": "application/vnd.oci.image.layer.v1.tar"}
blobs = {digest(config): config, kept["digest"]: given.get("stored", given["unpacked"]).encode(), packed["digest"]: b"packed"}


class Table(ImageProxy):
    def __init__(self) -> None:
        self._stored, self._kept, self.asked = set(), {}, []

    def _begin(self, method: str, *args):
        return lambda: self._call(method, *args)

    def _call(self, method: str, *args):
        self.asked.append(method)
        if method == "OpenImage":
            return 1, None, None
        if method == "GetLayerInfo":
            return [kept], None, None
        if method == "FinishPipe":
            return None, None, None
        data = manifest if method == "GetManifest" else blobs[args[1]]
        with tempfile.TemporaryFile() as stream:
            stream.write(data)
            stream.seek(0)
            return digest(manifest), os.dup(stream.fileno()), 1


proxy = Table()
image = open_remote(proxy, ImageReference(given["transport"], "example.com/os:v1"))
told = {"named": image.layers[0]["digest"] == packed["digest"], "asked": proxy.asked, "error": None}
try:
    with proxy.blob(image.handle, image.layers[0]) as blob:
        told["layer"] = b"".join(blob.chunks()).decode()
        told["type"] = blob.media_type.rpartition(".")[2]
        blob.finish()
except BootcError as error:
    told["error"] = str(error)
json.dump(told, sys.stdout)
