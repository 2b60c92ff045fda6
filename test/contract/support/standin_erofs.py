"""Writes an EROFS image by the stand-in's composefs backend: standin_erofs.py STANDIN TARGET. Prints digests of known contents."""
import json
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])

from bootgate_standin.composefs import erofs, tree, verity  # noqa: E402


def entry(kind: str, path: str, size: int = 0, payload: str = "", digest: str | None = None, mode: int = 0o644) -> list:
    return [kind, path, size, payload, digest, mode, 0, 0, 1, {}]


many = [entry("f", f"usr/many/{number:04}-with-a-name-of-some-length", 1, "x") for number in range(2000)]
layers = [
    [
        entry("d", "usr", mode=0o755), entry("d", "usr/many", mode=0o700), *many, entry("f", "usr/empty"),
        entry("f", "usr/small", 3, "abc"), entry("f", "usr/large", 5_000_000_000, digest="ab" * 64), entry("l", "bin", 0, "usr/bin"),
        entry("h", "usr/again", 0, "usr/large"), entry("f", "usr/gone", 3, "abc"), entry("f", "boot/vmlinuz", 1, "k"),
    ],
    [entry("f", "usr/.wh.gone"), entry("f", "usr/small", 4, "abcd")],
]  # fmt: skip
image = erofs.write_image(tree.merge(layers))
assert image == erofs.write_image(tree.merge(layers)), "the same tree gives other bytes"
with open(sys.argv[2], "wb") as stream:
    stream.write(image)
contents = {"empty": b"", "hello world": b"hello world", "many blocks": b"x" * 4096 * 65}
print(json.dumps({name: verity.digest_of(data) for name, data in contents.items()}))
