"""Image references in their three spellings: bootc's (transport + name), skopeo's and the one in an ostree origin."""
import re
from collections import namedtuple

TRANSPORTS = ("registry", "oci", "oci-archive", "docker-archive", "dir", "containers-storage")


_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::[\w][\w.-]{{0,127}})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{{32,}})?", re.ASCII
)


def invalid_reference(name: str) -> str | None:
    """Why a registry's name cannot be one (distribution's reference grammar), or None."""
    if _REFERENCE.fullmatch(name):
        return None
    return "repository name must be lowercase" if _REFERENCE.fullmatch(name.lower()) else "invalid reference format"


class ImageReference(namedtuple("ImageReference", "transport image signature", defaults=(None,))):
    """What an origin follows. `signature` None means unverified, as bootc prints it.

    A named tuple: importing dataclasses alone costs a fifth of a second under emulation.
    """

    __slots__ = ()

    def skopeo(self) -> str:
        """`docker://host/name:tag`, `oci:/path:tag` …"""
        return f"docker://{self.image}" if self.transport == "registry" else f"{self.transport}:{self.image}"

    def human(self) -> str:
        """As people see it: a registry is the default and not named."""
        return self.image if self.transport == "registry" else f"{self.transport}:{self.image}"

    def origin(self) -> str:
        """The value of `container-image-reference` in the origin file."""
        if self.signature == "containerPolicy":
            return f"ostree-image-signed:{self.skopeo()}"
        if isinstance(self.signature, dict):
            return f"ostree-remote-image:{self.signature['ostreeRemote']}:{self.skopeo()}"
        if self.transport == "registry":
            return f"ostree-unverified-registry:{self.image}"
        return f"ostree-unverified-image:{self.skopeo()}"

    def with_tag(self, tag: str) -> "ImageReference":
        """The same image under another tag."""
        name = self.image.partition("@")[0]
        head, slash, last = name.rpartition("/")
        return self._replace(image=f"{head}{slash}{last.partition(':')[0]}:{tag}")

    def json(self) -> dict:
        """The ImageReference of bootc's status."""
        shape = {"image": self.image, "transport": self.transport}
        return shape if self.signature is None else {**shape, "signature": self.signature}


def parse_skopeo(text: str, signature: object = None) -> ImageReference:
    """`docker://…` or `<transport>:…`."""
    if text.startswith("docker://"):
        return ImageReference("registry", text.removeprefix("docker://"), signature)
    transport, _, name = text.partition(":")
    return ImageReference("registry" if transport == "registry" else transport, name, signature)


def parse_origin(text: str) -> ImageReference:
    """The value of `container-image-reference`."""
    scheme, _, rest = text.partition(":")
    if scheme == "ostree-unverified-registry":
        return ImageReference("registry", rest)
    if scheme == "ostree-unverified-image":
        return parse_skopeo(rest)
    if scheme == "ostree-image-signed":
        return parse_skopeo(rest, "containerPolicy")
    if scheme in ("ostree-remote-registry", "ostree-remote-image"):
        remote, _, name = rest.partition(":")
        signature = {"ostreeRemote": remote}
        if scheme == "ostree-remote-registry":
            return ImageReference("registry", name, signature)
        return parse_skopeo(name, signature)
    raise ValueError(f"Unknown ostree image reference '{text}'")
