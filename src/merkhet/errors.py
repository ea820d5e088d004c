"""The errors that Merkhet raises on purpose: one line each, saying what was seen, what was expected, what to do."""

from pathlib import Path


class MerkhetError(Exception):
    """Base of every error that the user can act on. The command line prints its message without a traceback."""

    exit_code = 2


class ConfigError(MerkhetError):
    """An experiment, an override or an option that cannot be honoured."""


class InputError(MerkhetError):
    """An input that cannot be used: the message names the file, what was seen, what was expected, what to do.

    Parameters
    ----------
    where
        The file or the row that is at fault.
    seen
        What was found there.
    expected
        What would have been right, or nothing where that goes without saying.
    action
        What the user can do about it.
    """

    def __init__(self, where: str | Path, seen: str, *, expected: str = "", action: str = "") -> None:
        self.where, self.seen, self.expected, self.action = str(where), seen, expected, action
        super().__init__(f"{where}: {self.reason}")

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # Exceptions with keyword arguments do not survive the trip from a worker process otherwise.
        return _rebuild, (type(self), self.where, self.seen, self.expected, self.action)

    @property
    def reason(self) -> str:
        """The message without the file, as it stands in a table of rejects."""
        text = self.seen if not self.expected else f"{self.seen}; expected {self.expected}"
        return text if not self.action else f"{text.rstrip('.')}. {self.action}"


def _rebuild(kind: type[InputError], where: str, seen: str, expected: str, action: str) -> InputError:
    return kind(where, seen, expected=expected, action=action)


class OutputError(InputError):
    """An output that cannot be written: it exists, its folder is read-only, the disk is full."""


class DependencyError(MerkhetError):
    """An optional dependency that is absent or broken; the message names what to install."""


class Interrupted(MerkhetError):  # noqa: N818 (it is no fault)
    """The user pressed CTRL-C; what was finished is on disk."""

    exit_code = 130
