"""The two ways in which a verb ends badly: an error (exit 1) and a wrong command line (exit 2)."""


class BootcError(Exception):
    """Printed on stderr as `error: …`, exit code 1."""


class UsageError(Exception):
    """A wrong command line, printed in clap's manner, exit code 2."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage
