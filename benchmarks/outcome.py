"""What every benchmark script shares: a claim, rows that measure it, and a table or one line of JSON of them."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

Outcome = dict[str, Any]


def show(measure: Callable[[], Outcome], *, description: str | None) -> None:
    """Run a benchmark and print it: a Markdown table, or one line of JSON with ``--json``."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    as_json = parser.parse_args().json
    outcome = measure()
    if as_json:
        json.dump(outcome, sys.stdout)
        print()
    else:
        print(markdown(outcome))


def markdown(outcome: Outcome) -> str:
    """Return the claim and its rows as a Markdown table."""
    rows = outcome["rows"]
    lines = [f"| {' | '.join(rows[0])} |", f"|{' --- |' * len(rows[0])}"]
    lines += [f"| {' | '.join(map(str, row.values()))} |" for row in rows]
    return "\n".join([f"**{outcome['claim']}**", "", *lines])
