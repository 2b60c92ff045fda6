"""RPM files that a person names, by path or address, and the cache that they are kept in."""
import hashlib
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from ..errors import BootcError

# What was installed from a file has to be there for the next change, too; rpm-ostree keeps it in its package cache.
CACHE = "/var/lib/bootgate-standin/rpms"
_TIMEOUT_SECONDS = 60


def is_file_argument(word: str) -> bool:
    """Whether a word names a file or an address rather than a package of a repository (rpm-ostree, `rust/src/client.rs`)."""
    return word.endswith(".rpm") or word.startswith(("http://", "https://"))


def cached(checksum: str) -> str:
    return os.path.join(CACHE, f"{checksum}.rpm")


def _take_file(path: str) -> tuple[str, str]:
    if not os.path.isfile(path):
        raise BootcError(f"Can't open file \"{path}\" for reading: No such file or directory")
    with open(path, "rb") as stream:
        checksum = hashlib.sha256(stream.read()).hexdigest()
    query = ["rpm", "--nosignature", "-qp", "--qf", "%{NEVRA}", path]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BootcError(f"Opening package: {done.stderr.strip()}")
    os.makedirs(CACHE, exist_ok=True)
    shutil.copyfile(path, cached(checksum))
    return done.stdout.strip(), checksum


def take(word: str) -> tuple[str, str]:
    """Puts an RPM file into the cache; returns its NEVRA and checksum."""
    if not word.startswith(("http://", "https://")):
        return _take_file(word)
    print(f"Downloading '{word}'... ", end="", flush=True)
    with tempfile.NamedTemporaryFile(suffix=".rpm") as target:
        try:
            with urllib.request.urlopen(word, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                shutil.copyfileobj(answer, target)
        except (urllib.error.URLError, OSError) as error:
            print()
            raise BootcError(f"Downloading {word}: {error}") from error
        target.flush()
        print("done", flush=True)
        return _take_file(target.name)
