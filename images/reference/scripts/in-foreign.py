#!/usr/bin/python3
"""Runs a command in which programs of another architecture run: in-foreign.py RULE COMMAND…

RULE is a file of binfmt.d(5) that names the emulator. Since Linux 6.7 each user namespace can have rules of its own
(binfmt_misc, "sandboxed mounts"), so nothing of the host changes and all is gone with the last process, however it ends.
Root gets a namespace in which each id is itself; who is in a user namespace already stays in that. Exit code 90: this
kernel does not have such rules.
"""
import ctypes
import os
import signal
import sys

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE = 16384, 1 << 18
PR_SET_PDEATHSIG = 1
PLACE = "/proc/sys/fs/binfmt_misc"
NOT_HERE = 90
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        print(f"{what}: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
        sys.exit(NOT_HERE)


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def is_outermost():
    """Whether all ids there are belong to this user namespace."""
    return read("/proc/self/uid_map").split() == ["0", "0", "4294967295"]


def own_namespace():
    """A user namespace in which every id is itself. Only a process outside may write the map of all of them."""
    leader = os.getpid()
    ready, go = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(go)
        if os.read(ready, 1) == b"x":
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/{leader}/{name}", "w", encoding="ascii") as stream:
                    stream.write("0 0 4294967295")
            os._exit(0)
        os._exit(1)
    os.close(ready)
    check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    os.write(go, b"x")
    os.close(go)
    if os.waitpid(helper, 0)[1] != 0:
        print("the ids of the new user namespace could not be set", file=sys.stderr)
        sys.exit(NOT_HERE)


def main():
    rule, command = sys.argv[1], sys.argv[2:]
    parent = os.getppid()
    if is_outermost():
        own_namespace()
    else:
        check(LIBC.unshare(CLONE_NEWNS), "unshare")
    # A change of ids clears it, so it is set after that.
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    check(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount")
    check(LIBC.mount(b"binfmt_misc", PLACE.encode(), b"binfmt_misc", 0, None), "binfmt_misc")
    try:
        with open(f"{PLACE}/register", "w", encoding="utf-8") as stream:
            stream.write(read(rule).strip())
    except OSError as error:
        print(f"{rule}: {error}", file=sys.stderr)
        sys.exit(NOT_HERE)
    os.execvp(command[0], command)


main()
