"""A terminal with a program on it: what comes on stdin is typed at it, and what it says goes to stdout. At the end nothing of it runs on."""
import ctypes
import os
import pty
import select
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36  # prctl(2): what loses its parent below here becomes a child of ours


def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(word) for word in file.read().split()]


def end_all(grace):
    """A shell has a moment to clear up after its terminal is gone; a command of its that has a session of its own does not hear of it."""
    until = time.monotonic() + grace
    try:
        while True:
            if time.monotonic() > until:
                for child in children():
                    os.kill(child, signal.SIGKILL)
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)
    except ChildProcessError:
        pass


ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
try:
    while True:
        ready, _, _ = select.select([0, master], [], [])
        if 0 in ready:
            typed = os.read(0, 4096)
            if typed == b"":
                break
            os.write(master, typed)
        if master in ready:
            said = os.read(master, 65536)
            if said == b"":
                break
            os.write(1, said)
except OSError:
    # The terminal is gone with its program.
    pass
finally:
    try:
        os.close(master)
        os.killpg(pid, signal.SIGHUP)
    except OSError:
        pass
    end_all(grace=2)
