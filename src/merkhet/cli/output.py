"""What every verb shares: terminal, progress, and the JSON summary."""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from cyclopts import Parameter
from rich.console import Console

from merkhet.execute import Progress as ProgressCallback
from merkhet.terminal import progress


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """How the verb talks.

    Parameters
    ----------
    quiet
        Say nothing but errors.
    json
        Print a summary as one line of JSON instead of prose.
    """

    quiet: bool = False
    json: bool = False

    @property
    def console(self) -> Console:
        """Where prose and progress go: the error stream, so that standard output stays clean for data."""
        return Console(stderr=True, quiet=self.quiet or self.json, highlight=False, soft_wrap=True, emoji=False)

    def say(self, text: str) -> None:
        """Print a line for people."""
        self.console.print(text, markup=False)

    def summary(self, **facts: Any) -> None:
        """Print the summary for programs, if it was asked for."""
        if self.json:
            print(json.dumps(facts, default=str))  # noqa: T201

    def progress(self, title: str) -> AbstractContextManager[ProgressCallback | None]:
        """Return a context whose callback ``(done, total)`` moves a bar."""
        return progress(self.console, title)


QUIET_DEFAULT = Output()
