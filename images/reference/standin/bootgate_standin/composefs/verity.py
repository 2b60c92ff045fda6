"""fs-verity with SHA-512, the digest by which bootc's composefs backend names everything (Linux, Documentation/filesystems/fsverity.rst)."""
import errno
import fcntl
import hashlib
import struct

from ..errors import BootcError, os_error

_BLOCK = 4096
_SHA512 = 2
_LENGTH = 64
_ENABLE = 0x40806685  # FS_IOC_ENABLE_VERITY
_MEASURE = 0xC0046686  # FS_IOC_MEASURE_VERITY
_UNSUPPORTED = (errno.ENOTTY, errno.EOPNOTSUPP)


def digest_of(data: bytes) -> str:
    """The digest that the kernel would measure, for a file system that does not have fs-verity."""
    level = data
    root = bytes(_LENGTH)
    while level:
        hashes = [
            hashlib.sha512(level[at : at + _BLOCK].ljust(_BLOCK, b"\0")).digest() for at in range(0, len(level), _BLOCK)
        ]
        if len(hashes) == 1:
            root = hashes[0]
            break
        level = b"".join(hashes)
    descriptor = struct.pack("<BBBBIQ64s32s144x", 1, _SHA512, 12, 0, 0, len(data), root, b"")
    return hashlib.sha512(descriptor).hexdigest()


def enable(descriptor: int) -> bool:
    """Makes an open file (read-only, with no writer) immutable. False where the file system does not have fs-verity."""
    argument = struct.pack("<IIIIQIIQ11Q", 1, _SHA512, _BLOCK, 0, 0, 0, 0, 0, *([0] * 11))
    try:
        fcntl.ioctl(descriptor, _ENABLE, argument)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return False
        raise BootcError(f"Enabling fs-verity: {os_error(error)}") from error
    return True


def measure(descriptor: int) -> str | None:
    """The digest that the kernel holds an open file to, or None where it has none."""
    argument = bytearray(struct.pack("<HH", 0, _LENGTH) + bytes(_LENGTH))
    try:
        fcntl.ioctl(descriptor, _MEASURE, argument)
    except OSError as error:
        if error.errno in (*_UNSUPPORTED, errno.ENODATA):
            return None
        raise BootcError(f"Measuring fs-verity: {os_error(error)}") from error
    algorithm, size = struct.unpack_from("<HH", argument)
    return argument[4 : 4 + size].hex() if algorithm == _SHA512 else None
