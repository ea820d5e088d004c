"""What every simulated data set comes with: the record of how it was made, and what CTRL-C leaves."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from merkhet import __version__
from merkhet.errors import ConfigError, Interrupted
from merkhet.execute import Progress
from merkhet.io.atomic import write_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Item = TypeVar("Item")

RECORD = "simulation.json"


def check_count(name: str, value: int, *, most: int | None = None) -> None:
    """Refuse a number of things that cannot be made.

    Raises
    ------
    ConfigError
        It is below 1 or above ``most``.
    """
    if value < 1 or (most is not None and value > most):
        raise ConfigError(f"{name} is {value}; expected 1 {'or more' if most is None else f'to {most}'}")


def check_seed(seed: int) -> None:
    """Refuse a negative seed.

    Raises
    ------
    ConfigError
        It is.
    """
    if seed < 0:
        raise ConfigError(f"seed is {seed}; expected 0 or more")


def write_each(
    items: Iterable[Item], write: Callable[[int, Item], None], *, total: int, progress: Progress | None
) -> bool:
    """Write one thing after the other, with its number from 0; return whether CTRL-C did not end that."""
    try:
        for index, item in enumerate(items):
            write(index, item)
            if progress is not None:
                progress(index + 1, total)
    except KeyboardInterrupt:
        return False
    return True


def interrupted(out: Path, *, finished: int, total: int, things: str, table: str) -> Interrupted:
    """Say what an interrupted simulation leaves behind."""
    return Interrupted(
        f"{out}: stopped after {finished} of {total} {things}; {table} holds those. Run again with --overwrite for all"
    )


def write_record(
    out: Path,
    *,
    case: str,
    command: str,
    number: tuple[str, int],
    finished: int,
    seed: int,
    survey: "DataclassInstance",
) -> None:
    """Write version, seed, parameters, and what makes the same data set again.

    Parameters
    ----------
    command
        What makes the same again.
    number
        Name and value of the option that says how many.
    survey
        Its parameters are written down.
    """
    name, value = number
    record = {
        "case": case,
        "merkhet": __version__,
        "command": command,
        name: value,
        "finished": finished,
        "seed": seed,
        "parameters": asdict(survey),
    }
    write_text(out / RECORD, json.dumps(record, indent=2) + "\n")
