"""The comparison of two runs as lines of text."""

from collections.abc import Iterator
from typing import Any


def comparison_lines(compared: dict[str, Any]) -> Iterator[str]:
    """Yield a line per score: both values, their difference with its interval, and the p-value."""
    yield f"{compared['n']} samples in {compared['n_groups']} groups; difference = first - second"
    yield f"{'score':22} {'first':>8} {'second':>8} {'difference':>11}  {'95 % interval':18} {'p':>6}"
    for name, row in compared["scores"].items():
        numbers = [_text(row[key]) for key in ("a", "b", "difference", "low", "high", "p_value")]
        yield "{:22} {:>8} {:>8} {:>11}  [{:>7}, {:>7}] {:>6}".format(name, *numbers)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
