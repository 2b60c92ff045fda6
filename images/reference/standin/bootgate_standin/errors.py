"""How a verb ends badly: an error (exit 1), a wrong command line (exit 2). Errors carry a chain of contexts, as bootc's do."""


class BootcError(Exception):
    """Printed on stderr as `error: …`, exit code 1."""


class UsageError(Exception):
    """A wrong command line, printed in clap's manner, exit code 2. `usage` is None where clap prints no usage line."""

    def __init__(self, message: str, usage: str | None) -> None:
        super().__init__(message)
        self.usage = usage


class context:  # noqa: N801 - reads as a word where it is used
    """`with context("Upgrading"):` puts its words before every error that comes from inside."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind, error, _trace) -> bool:
        if isinstance(error, BootcError):
            raise BootcError(f"{self._words}: {error}") from error
        return False


def os_error(error: OSError) -> str:
    """An error of the system in Rust's words: `Read-only file system (os error 30)`."""
    return f"{error.strerror} (os error {error.errno})"


def not_here(what: str) -> BootcError:
    """What real bootc has and this does not is refused in words that nobody takes for bootc's."""
    return BootcError(f"'{what}' is not in bootgate's stand-in for bootc; the real bootc has it")
