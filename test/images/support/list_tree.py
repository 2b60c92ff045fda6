"""Lists a tree as JSON: each path with all that a file system keeps of it. Names are bytes, shown as latin1."""
import hashlib
import json
import os
import stat
import sys


def facts(path, names):
    found = os.lstat(path)
    is_device = stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode)
    is_directory = stat.S_ISDIR(found.st_mode)
    content = None
    if stat.S_ISREG(found.st_mode):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    if stat.S_ISLNK(found.st_mode):
        content = os.readlink(path).decode("latin1")
    return {
        "mode": oct(found.st_mode),
        "owner": [found.st_uid, found.st_gid],
        "size": None if is_directory else found.st_size,
        "mtime": str(found.st_mtime_ns),
        "device": [os.major(found.st_rdev), os.minor(found.st_rdev)] if is_device else None,
        "links": found.st_nlink,
        "same": names.setdefault(found.st_ino, path.decode("latin1")) if not is_directory else None,
        "xattrs": sorted(
            [name, os.getxattr(path, name, follow_symlinks=False).hex()]
            for name in os.listxattr(path, follow_symlinks=False)
        ),
        "content": content,
    }


def main():
    os.chdir(sys.argv[1])
    names = {}
    out = {".": facts(b".", names)}
    for folder, folders, files in os.walk(b"."):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            out[path.decode("latin1")] = facts(path, names)
    json.dump(out, sys.stdout, sort_keys=True)


main()
