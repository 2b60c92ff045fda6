"""A terminal with a program on it: what comes on stdin is typed at it, and what it says goes to stdout."""
import os
import pty
import select
import signal
import sys

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
