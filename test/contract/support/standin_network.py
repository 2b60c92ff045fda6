"""Has the stand-in's image proxy, which is the real skopeo of this host, read an image of a registry. Prints how it ended and what it was."""
import json
import sys

given = json.load(sys.stdin)
sys.dont_write_bytecode = True
sys.path.insert(0, given["standin"])

from bootgate_standin.blob import read_blob  # noqa: E402
from bootgate_standin.errors import BootcError  # noqa: E402
from bootgate_standin.imgref import ImageReference  # noqa: E402
from bootgate_standin.importer import open_remote  # noqa: E402
from bootgate_standin.proxy import ImageProxy  # noqa: E402

told: dict = {"error": None, "digest": None, "bytes": 0}
try:
    with ImageProxy() as proxy:
        image = open_remote(proxy, ImageReference("registry", given["reference"]))
        told["digest"] = image.digest
        for layer in image.layers:
            told["bytes"] += len(read_blob(proxy.blob(image.handle, layer)))
except BootcError as error:
    told["error"] = str(error)
json.dump(told, sys.stdout)
