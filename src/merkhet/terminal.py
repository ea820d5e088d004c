"""Progress on the terminal."""

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from merkhet.execute import Progress as ProgressCallback


def bar(console: Console) -> Progress:
    """Return a progress bar that vanishes when it is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextlib.contextmanager
def progress(console: Console | None, title: str) -> Iterator[ProgressCallback | None]:
    """Yield a callback ``(done, total)`` that moves a bar on ``console``; None where there is no console."""
    if console is None:
        yield None
        return
    with bar(console) as display:
        task = display.add_task(title, total=None)
        yield lambda done, total: display.update(task, completed=done, total=total)
