"""What the stand-in installer says on its console and to its log, and how it runs programs."""
import os
import shlex
import subprocess
import time

PORT = "/dev/virtio-ports/org.fedoraproject.anaconda.log.0"


class Failed(Exception):
    """Ends the installation; the message is what a person reads."""


class NotSaved(Failed):
    """The storage that a kickstart asks for cannot be planned."""


class NotValid(Failed):
    """The storage that was planned lacks what an installed system needs."""


class PreScriptFailed(Failed):
    """A script before the installation failed, which Anaconda tells by a dialogue though nobody is asked."""


def log(text: str) -> None:
    """Anaconda's main log goes to a port where there is one, an entry a line: rsyslog writes `#012` for the end of one."""
    stamp = time.strftime("%H:%M:%S", time.gmtime())
    if os.path.exists(PORT):
        with open(PORT, "w", encoding="utf-8") as port:
            port.write(f"{stamp},000 INF anaconda:{text.replace(chr(10), '#012')}\n")


def say(text: str) -> None:
    """A message of progress, which Anaconda shows and logs."""
    print(text, flush=True)
    log(text)


def run(*command: str, stdin: str | None = None) -> str:
    """Runs a program that has to succeed; its output goes to the log, as into program.log."""
    log(f"Running... {shlex.join(command)}")
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    for line in (done.stdout + done.stderr).splitlines():
        log(line)
    if done.returncode != 0:
        raise Failed(f"{shlex.join(command)} exited with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout
