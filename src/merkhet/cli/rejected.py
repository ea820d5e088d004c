"""Rejects on the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from merkhet.cli.output import Output

if TYPE_CHECKING:
    from merkhet.io.rejects import Reject

SHOWN = 5
"""Rejects that are shown on the terminal."""


def say_rejects(rejects: "Sequence[Reject]", *, written: bool, output: Output) -> None:
    """Show the first rejects; ``written`` says that a table of all of them is."""
    for reject in rejects[:SHOWN]:
        output.say(f"  {reject.file}: {reject.reason}")
    if len(rejects) > SHOWN and not written:
        output.say(f"  ... and {len(rejects) - SHOWN} more; --out writes a table of them")
