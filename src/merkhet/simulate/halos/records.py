"""What every simulated data set of halos comes with: the record of how it was made."""

import json
import shlex
from dataclasses import asdict, replace
from pathlib import Path

from merkhet import __version__
from merkhet.errors import ConfigError
from merkhet.io.atomic import write_text
from merkhet.simulate.halos.survey import Survey

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


def write_record(
    out: Path, *, case: str, number: tuple[str, int], finished: int, seed: int, survey: Survey, default: Survey
) -> None:
    """Write version, seed, parameters, and what makes the same data set again.

    Parameters
    ----------
    number
        Name and value of the option that says how many.
    default
        The survey that the command line stands for; it has an option for the size alone.
    """
    name, value = number
    record = {
        "case": case,
        "merkhet": __version__,
        "command": _command(out, case=case, number=number, seed=seed, survey=survey, default=default),
        name: value,
        "finished": finished,
        "seed": seed,
        "parameters": asdict(survey),
    }
    write_text(out / RECORD, json.dumps(record, indent=2) + "\n")


def _command(out: Path, *, case: str, number: tuple[str, int], seed: int, survey: Survey, default: Survey) -> str:
    """Return what makes the same again: the command line, or Python for a survey that it has no options for."""
    name, value = number
    if replace(survey, size_px=default.size_px) != default:
        function = f"{__package__}.simulate_{case.removeprefix('halo_')}"
        return f"{function}({str(out)!r}, {name}={value}, {seed=}, {survey=})"
    size = [] if survey == default else ["--size", str(survey.size_px)]
    return shlex.join(["merkhet", "simulate", case, str(out), f"--{name}", str(value), *size, "--seed", str(seed)])
