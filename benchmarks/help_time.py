"""Seconds until ``merkhet --help`` has answered, against an empty Python process and an import of torch.

Run ``python benchmarks/help_time.py`` for a table, with ``--json`` for one line of JSON.
"""

import statistics
import subprocess
import sys
import time
from typing import Any

from outcome import show

ROUNDS = 7
CLAIM = "merkhet --help and import merkhet take less than half a second"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import merkhet": ["-c", "import merkhet"],
    "merkhet --help": ["-m", "merkhet", "--help"],
    "merkhet train --help": ["-m", "merkhet", "train", "--help"],
    "import torch": ["-c", "import torch"],
}


def seconds_of(arguments: list[str]) -> float:
    """Return the wall time of a Python process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> dict[str, Any]:
    """Measure in turn and return claim and rows."""
    rounds = [{name: seconds_of(command) for name, command in COMMANDS.items()} for _ in range(ROUNDS + 1)][1:]
    rows = [
        {
            "process": name,
            "seconds": round(statistics.median(one[name] for one in rounds), 3),
            "ratio to import torch": round(statistics.median(one[name] / one["import torch"] for one in rounds), 2),
        }
        for name in COMMANDS
    ]
    return {"claim": CLAIM, "rows": rows}


if __name__ == "__main__":
    show(main, description=__doc__)
